"""Mutants of recurrent: arguments are named by their place, as `recurrent` of the reference takes them."""

import numpy as np

from fastnets import reference

from .registry import SINGLE_AND_DOUBLE, mutant, mutant_backward

# Roundings of half precision, at worst, hide what fades from step to step.
WITHOUT_BFLOAT16 = ("float32", "float16", "float64")
STATE, CELL_STATE, LENGTHS, WEIGHTS, CELL, DROPOUT, ZONEOUT, TRAINING, SEED = 1, 2, 3, slice(4, 14), 14, 17, 18, 19, 20


def _with(args, place, value):
    args = list(args)
    args[place] = value
    return args


def _changed(args, place, change):
    """The arguments with one changed, or None where it is not there or the net has no element to show it."""
    if args[place] is None or not np.size(args[0]):
        return None
    return _with(args, place, change(args[place]))


def _run(args):
    return None if args is None else reference.recurrent(*args)


def _pull(dy, args):
    return None if args is None else reference.recurrent_backward(*dy, *args)


@mutant("recurrent", SINGLE_AND_DOUBLE)
def state_left_out(*args):
    return _run(_changed(args, STATE, np.zeros_like))


@mutant("recurrent", WITHOUT_BFLOAT16)
def cell_state_left_out(*args):
    return _run(_changed(args, CELL_STATE, np.zeros_like))


@mutant("recurrent")
def recurrent_bias_left_out(*args):
    return _run(_changed(args, 7, np.zeros_like))


@mutant("recurrent", WITHOUT_BFLOAT16)
def last_block_of_the_recurrent_weight_left_out(*args):
    def cut(w):
        w = w.copy()
        w[:, -max(1, w.shape[1] // 8) :] = 0
        return w

    return _run(_changed(args, 5, cut) if args[STATE] is not None or args[0].ndim == 3 else None)


@mutant("recurrent")
def lengths_left_out(*args):
    return _run(_changed(args, LENGTHS, lambda lengths: None))


@mutant("recurrent")
def gates_in_another_order(*args):
    if args[CELL] not in ("lstm", "gru"):
        return None
    gates = 4 if args[CELL] == "lstm" else 3
    return _run(_changed(args, 4, lambda w: np.concatenate(np.split(w, gates)[::-1])))


@mutant("recurrent")
def zoneout_left_out(*args):
    return _run(_with(args, ZONEOUT, 0.0)) if args[ZONEOUT] and np.size(args[0]) else None


@mutant("recurrent")
def another_seed(*args):
    draws = args[TRAINING] and (0 < args[DROPOUT] < 1 or 0 < args[ZONEOUT] < 1)
    return _run(_with(args, SEED, args[SEED] ^ 1)) if draws else None


@mutant("recurrent")
def masks_of_the_first_layer(*args):
    draws = args[TRAINING] and (0 < args[DROPOUT] < 1 or 0 < args[ZONEOUT] < 1)
    return _run(_with(args, 16, 0)) if draws and args[16] else None


@mutant("recurrent")
def reverse_direction_forward(*args):
    """The second direction's output is what a first one with its weights would give."""
    if args[9] is None or args[DROPOUT] or args[ZONEOUT] or not np.size(args[0]) or args[STATE] is None:
        return None
    states = [None if s is None else s[::-1] for s in args[1:3]]
    turned = reference.recurrent(args[0], *states, args[3], *args[9:14], *args[4:9], *args[14:])
    made = reference.recurrent(*args)
    R = made[0].shape[-1] // 2
    return (np.concatenate([made[0][..., :R], turned[0][..., :R]], axis=-1), *made[1:])


@mutant_backward("recurrent")
def gradient_not_passed_to_the_step_before(dy, dh, dc, *args):
    """Each step's gradient stops at its own state."""
    if args[15] != "time_first" or args[LENGTHS] is not None or args[9] is not None or args[DROPOUT] or args[ZONEOUT]:
        return None
    if args[0].ndim != 3 or len(args[0]) < 2 or not np.size(args[0]):
        return None
    expected = reference.recurrent_backward(dy, dh, dc, *args)
    h, c = args[1:3]
    pulled = []
    for t, x in enumerate(args[0]):
        step = (x[np.newaxis], h, c, *args[3:])
        _, h, c = reference.recurrent(*step)
        zero = [None if s is None else np.zeros_like(s) for s in (h, c)]
        pulled.append(reference.recurrent_backward(dy[t : t + 1], *zero, *step)[0])
    return (np.concatenate(pulled), *expected[1:])


@mutant_backward("recurrent", SINGLE_AND_DOUBLE)
def gradient_of_the_last_state_left_out(dy, dh, dc, *args):
    return None if dh is None or not np.size(args[0]) else _pull((dy, np.zeros_like(dh), dc), args)


@mutant_backward("recurrent", WITHOUT_BFLOAT16)
def gradient_of_the_last_cell_state_left_out(dy, dh, dc, *args):
    return None if dc is None or not np.size(args[0]) else _pull((dy, dh, np.zeros_like(dc)), args)


@mutant_backward("recurrent")
def state_left_out_of_the_weights_gradient(dy, dh, dc, *args):
    if args[STATE] is None or not np.size(args[0]):
        return None
    expected = list(reference.recurrent_backward(dy, dh, dc, *args))
    without = reference.recurrent_backward(dy, dh, dc, *_with(args, STATE, np.zeros_like(args[STATE])))
    expected[5] = without[5]
    return tuple(expected)


@mutant_backward("recurrent")
def masks_of_another_seed(dy, dh, dc, *args):
    draws = args[TRAINING] and (0 < args[DROPOUT] < 1 or 0 < args[ZONEOUT] < 1)
    return _pull((dy, dh, dc), _with(args, SEED, args[SEED] ^ 1)) if draws else None
