"""Mutants of optimizers, and of what is done to gradients before them."""

import numpy as np

from fastnets import reference

from .registry import SINGLE_AND_DOUBLE, as_tuple, mutant


@mutant("sgd")
def momentum_left_out(theta, g, buffer, master, lr, momentum, *rest):
    if not momentum:
        return None
    outputs = reference.sgd(theta, g, buffer, master, lr, 0.0, rest[0], rest[1], False, *rest[3:])
    return outputs[0], buffer, outputs[2]


@mutant("sgd")
def dampening_in_the_first_step(*args):
    return reference.sgd(*args[:-1], False) if args[-1] and args[6] else None


@mutant("sgd")
def nesterov_left_out(*args):
    return reference.sgd(*args[:8], False, *args[9:]) if args[8] else None


@mutant("sgd")
def decay_of_sgd_left_out(*args):
    return reference.sgd(*args[:7], 0.0, *args[8:]) if args[7] else None


@mutant("sgd")
def decay_before_the_sign(*args):
    parameter, gradient, *rest = args
    if not rest[7] or not rest[5]:
        return None
    return reference.sgd(parameter, gradient + 2 * rest[5] * parameter, *rest)


@mutant("adam")
def bias_correction_left_out(*args):
    return reference.adam(*args[:5], 10**9, *args[6:])


@mutant("adam", SINGLE_AND_DOUBLE)
def step_counted_from_zero(*args):
    return reference.adam(*args[:5], args[5] + 1, *args[6:]) if args[5] < 1000 else None


@mutant("adam", SINGLE_AND_DOUBLE)
def decay_left_out(*args):
    return reference.adam(*args[:10], 0.0, *args[11:])


@mutant("adam", SINGLE_AND_DOUBLE)
def decay_coupled_otherwise(*args):
    return reference.adam(*args[:11], not args[11], args[12])


@mutant("adam")
def maximize_left_out(*args):
    return reference.adam(*args[:-1], False) if args[-1] else None


@mutant("adam", ("bfloat16", "float16"))
@mutant("sgd", ("bfloat16", "float16"))
def master_left_out(*args):
    place = 3 if len(args) == 11 else 4
    if args[place] is None:
        return None
    rule = reference.sgd if place == 3 else reference.adam
    return *rule(*args[:place], None, *args[place + 1 :])[:-1], args[place]


@mutant("adam")
def betas_swapped(*args):
    return reference.adam(*args[:7], args[8], args[7], *args[9:])


@mutant("norm")
def last_element_left_out_of_the_norm(x, previous, p):
    return None if x.size in (0, 1) or np.isinf(p) or x.size > 1000 else reference.norm(x.reshape(-1)[1:], previous, p)


@mutant("norm")
def previous_norm_left_out(x, previous, p):
    return None if previous is None else reference.norm(x, None, p)


@mutant("norm")
def root_left_out(x, previous, p):
    return reference.norm(x, previous, p) ** p if p not in (1.0, np.inf) else None


@mutant("norm")
def norms_added(x, previous, p):
    return None if previous is None or p == 1 else reference.norm(x, None, p) + previous


@mutant("clip")
def gradients_scaled_up(x, norm, max_norm):
    return x * max_norm / (norm + 1e-6)


@mutant("clip")
def gradients_left_alone(x, norm, max_norm):
    return x


@mutant("scale")
def factor_left_out(x, previous, factor, unscale):
    return (x, *as_tuple(reference.scale(x, previous, factor, unscale))[1:])


@mutant("add")
def other_left_out(x, other):
    return x
