"""Mutants of attention."""

import numpy as np

from fastnets import reference
from fastnets.reference.attention import heads

from .registry import SINGLE_AND_DOUBLE, mutant, mutant_backward

CAUSAL, SCALE, ALIGNMENT, LEFT, CAP = 1, 2, 4, 5, 7  # places among the parameters


def changed(args, place, value):
    args = list(args)
    args[9 + place] = value
    return args


def parts(args):
    return list(args[:9]), list(args[9:])


@mutant("attention", SINGLE_AND_DOUBLE)
def last_key_left_out(*args):
    (q, k, v, mask, *rest), options = parts(args)
    if mask is not None or rest[2] is not None or rest[3] is not None or k.shape[-2] < 2:
        return None
    return reference.attention(q, k[..., :-1, :], v[..., :-1, :], mask, *rest, *options)


@mutant("attention", SINGLE_AND_DOUBLE)
def block_of_keys_left_out(*args):
    (q, k, v, mask, *rest), options = parts(args)
    if mask is not None or rest[2] is not None or rest[3] is not None or k.shape[-2] <= 192:
        return None
    return reference.attention(q, k[..., :192, :], v[..., :192, :], mask, *rest, *options)


@mutant("attention")
def neighbours_values(*args):
    (q, k, v, *rest), options = parts(args)
    return reference.attention(q, k, np.roll(v, 1, axis=-3 if args[7] is not None else -2), *rest, *options)


@mutant("attention", SINGLE_AND_DOUBLE)
def last_dimension_left_out(*args):
    (q, k, *rest), options = parts(args)
    q = q.copy()
    q[..., -1] = 0
    return reference.attention(q, k, *rest, *options)


@mutant("attention")
def causality_forgotten(*args):
    return reference.attention(*changed(args, CAUSAL, False)) if args[9 + CAUSAL] else None


@mutant("attention")
def aligned_at_the_other_corner(*args):
    other = "upper_left" if args[9 + ALIGNMENT] == "lower_right" else "lower_right"
    if not args[9 + CAUSAL] or args[7] is not None or args[0].shape[-2] == args[1].shape[-2]:
        return None
    return reference.attention(*changed(args, ALIGNMENT, other))


@mutant("attention", SINGLE_AND_DOUBLE)
def window_one_key_wider(*args):
    left = args[9 + LEFT]
    return None if left < 0 else reference.attention(*changed(args, LEFT, left + 1))


@mutant("attention", SINGLE_AND_DOUBLE)
def cap_forgotten(*args):
    return reference.attention(*changed(args, CAP, 0.0)) if args[9 + CAP] else None


@mutant("attention")
def scale_forgotten(*args):
    return reference.attention(*changed(args, SCALE, 1.0)) if args[0].shape[-1] > 1 else None


@mutant("attention")
def mask_forgotten(*args):
    if args[3] is None or args[3].ndim == 0:  # one number for all changes nothing
        return None
    return reference.attention(*args[:3], None, *args[4:])


@mutant("attention", SINGLE_AND_DOUBLE)
def sink_forgotten(*args):
    return None if args[5] is None else reference.attention(*args[:5], None, *args[6:])


@mutant("attention", SINGLE_AND_DOUBLE)
def slopes_of_the_next_head(*args):
    return None if args[4] is None else reference.attention(*args[:4], np.roll(args[4], 1), *args[5:])


@mutant("attention")
def lengths_forgotten(*args):
    if args[6] is None or args[4] is not None:  # biases hide far keys by themselves
        return None
    return reference.attention(*args[:6], None, *args[7:])


@mutant("attention")
def heads_of_keys_in_turn(*args):
    q, k = args[:2]
    if args[7] is not None or q.ndim < 3 or q.shape[-3] == k.shape[-3] or k.shape[-3] == 1:
        return None
    order = np.argsort(np.arange(q.shape[-3]) % k.shape[-3], kind="stable")  # head h takes h mod Hk
    made = reference.attention(q[..., order, :, :], *args[1:])
    made = made if isinstance(made, tuple) else (made,)
    back = np.argsort(order)
    return (made[0][..., back, :, :], *(lse[..., back, :] for lse in made[1:]))


@mutant_backward("attention")
def delta_forgotten(dy, dlse, *args):
    """ds = p · dp: the softmax's own derivative left out."""
    q = args[0]
    if any(a is not None for a in args[3:9]) or args[9] or args[9 + CAP] or q.ndim < 3:
        return None
    dq = np.zeros(q.shape)
    for place, _, _, head in heads(args):
        dq[place] = head.scale * (head.p * (dy[place] @ head.v.T)) @ head.k
    return (dq, *reference.attention_backward(dy, dlse, *args)[1:])


@mutant_backward("attention", SINGLE_AND_DOUBLE)
def gradient_of_lse_forgotten(dy, dlse, *args):
    return None if dlse is None else reference.attention_backward(dy, None, *args)


@mutant_backward("attention", SINGLE_AND_DOUBLE)
def last_queries_left_out(dy, dlse, *args):
    dy = dy.copy()
    dy[-3:] = 0
    return reference.attention_backward(dy, dlse, *args)


@mutant_backward("attention", SINGLE_AND_DOUBLE)
def values_gradient_without_dropout(dy, dlse, *args):
    if not 0 < args[9] < 1:
        return None
    made = reference.attention_backward(dy, dlse, *args)
    return (*made[:2], reference.attention_backward(dy, dlse, *changed(args, 0, 0.0))[2], *made[3:])
