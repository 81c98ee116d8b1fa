"""Mutants of embedding."""

import numpy as np

from fastnets import reference

from .registry import mutant, mutant_backward


@mutant("embedding")
def next_row_taken(ids, weight, *parameters):
    return None if len(weight) < 2 else reference.embedding((ids + 1) % len(weight), weight, *parameters)


@mutant_backward("embedding")
def last_of_equal_tokens_wins(dy, ids, weight, padding_idx, by_freq):
    if by_freq:
        return None
    dw = np.zeros(weight.shape)
    dw[ids.reshape(-1)] = dy.reshape(ids.size, weight.shape[1])
    if padding_idx >= -len(weight):
        dw[padding_idx] = 0
    return None, dw


@mutant_backward("embedding")
def padding_row_has_a_gradient(dy, ids, weight, padding_idx, by_freq):
    return reference.embedding_backward(dy, ids, weight, -(2**63), by_freq)


@mutant_backward("embedding")
def frequencies_left_out(dy, ids, weight, padding_idx, by_freq):
    return reference.embedding_backward(dy, ids, weight, padding_idx, False)


@mutant_backward("embedding")
def chain_left_out(dy, ids, weight, padding_idx, by_freq):
    if ids.size < 1024 or by_freq:
        return None
    return reference.embedding_backward(dy[:-512], ids[:-512], weight, padding_idx, by_freq)
