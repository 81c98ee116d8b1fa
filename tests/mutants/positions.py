"""Mutants of rotary_embedding."""

import numpy as np

from fastnets import reference

from .registry import mutant, mutant_backward


@mutant("rotary_embedding")
def next_position_taken(x, positions, *parameters):
    return reference.rotary_embedding(x, positions + 1, *parameters)


@mutant("rotary_embedding")
def other_pairs(x, positions, base, interleaved, rotary_dim):
    if x.shape[-1] == 2:
        return None
    return reference.rotary_embedding(x, positions, base, not interleaved, rotary_dim)


@mutant("rotary_embedding")
def turned_back(x, positions, *parameters):
    return reference.rotary_embedding(x, -positions, *parameters)


@mutant("rotary_embedding")
def wavelengths_of_the_next_pair(x, positions, base, interleaved, rotary_dim):
    size = x.shape[-1] if rotary_dim < 0 else rotary_dim
    if size < 4:
        return None
    return reference.rotary_embedding(x, positions, base * 1.5, interleaved, rotary_dim)


@mutant("rotary_embedding")
def all_features_turned(x, positions, base, interleaved, rotary_dim):
    if rotary_dim < 0 or x.shape[-1] % 2:
        return None
    return reference.rotary_embedding(x, positions, base, interleaved, -1)


@mutant("rotary_embedding")
def positions_of_the_first_sequence(x, positions, *parameters):
    if positions.ndim < 2 or len(positions) < 2:
        return None
    return reference.rotary_embedding(x, positions[:1], *parameters)


@mutant("rotary_embedding")
def steps_of_32_left_out(x, positions, *parameters):
    return None if positions.size < 64 else reference.rotary_embedding(x, positions % 32, *parameters)


@mutant("rotary_embedding")
def first_features_not_turned(x, positions, *parameters):
    y = reference.rotary_embedding(x, positions, *parameters)
    return np.concatenate([x[..., :1], y[..., 1:]], axis=-1)


@mutant_backward("rotary_embedding")
def gradient_turned_on(dy, x, positions, *parameters):
    return reference.rotary_embedding(dy, positions, *parameters), None


@mutant_backward("rotary_embedding")
def gradient_not_turned(dy, x, positions, *parameters):
    return dy, None
