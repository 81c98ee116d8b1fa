"""Mutants of causal_conv1d."""

import numpy as np

from fastnets import reference

from .registry import as_tuple, mutant, mutant_backward, zeroed


@mutant("causal_conv1d")
def causal_kernel_flipped(x, w, *rest):
    return reference.causal_conv1d(x, w[:, ::-1], *rest)


@mutant("causal_conv1d")
def oldest_step_left_out(x, w, *rest):
    return reference.causal_conv1d(x, zeroed(w, -1, slice(0, 1)), *rest)


@mutant("causal_conv1d")
def initial_state_left_out(x, w, b, state, *rest):
    return None if state is None else reference.causal_conv1d(x, w, b, None, *rest)


@mutant("causal_conv1d")
def state_of_the_neighbour(x, w, b, state, *rest):
    return None if state is None else reference.causal_conv1d(x, w, b, np.roll(state, 1, axis=1), *rest)


@mutant("causal_conv1d")
def final_state_from_the_start(x, w, b, state, activation, return_final_state):
    if not return_final_state:
        return None
    outputs, flipped = (reference.causal_conv1d(e, w, b, state, activation, True) for e in (x, x[..., ::-1]))
    return outputs[0], flipped[1]


@mutant("causal_conv1d")
def looks_ahead(x, w, *rest):
    return reference.causal_conv1d(np.roll(x, -1, axis=-1), w, *rest)


@mutant("causal_conv1d")
def weights_of_the_next_channel(x, w, *rest):
    return reference.causal_conv1d(x, np.roll(w, 1, axis=0), *rest)


@mutant("causal_conv1d")
def causal_bias_left_out(x, w, b, *rest):
    return None if b is None else reference.causal_conv1d(x, w, None, *rest)


@mutant("causal_conv1d")
def causal_activation_left_out(x, w, b, state, activation, return_final_state):
    return as_tuple(reference.causal_conv1d(x, w, b, state, None, return_final_state))


@mutant_backward("causal_conv1d")
def last_steps_left_out(dy, dfinal, *args):
    return reference.causal_conv1d_backward(zeroed(dy, -1, slice(-1, None)), dfinal, *args)


@mutant_backward("causal_conv1d")
def sequence_left_out(dy, dfinal, *args):
    return reference.causal_conv1d_backward(zeroed(dy, 0, slice(-1, None)), dfinal, *args)


@mutant_backward("causal_conv1d")
def gradient_of_the_final_state_left_out(dy, dfinal, *args):
    return None if dfinal is None else reference.causal_conv1d_backward(dy, np.zeros(dfinal.shape), *args)


@mutant_backward("causal_conv1d")
def causal_derivative_left_out(dy, dfinal, x, w, b, state, activation, final):
    return reference.causal_conv1d_backward(dy, dfinal, x, w, b, state, None, final)
