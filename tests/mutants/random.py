"""Mutants of dropout."""

import numpy as np

from fastnets import reference

from .registry import mutant, mutant_backward


@mutant("dropout")
def another_seed(x, p, seed):
    return reference.dropout(x, p, seed ^ 1)


@mutant("dropout")
def mask_by_memory_order(x, p, seed):
    return reference.dropout(x.T, p, seed).T


@mutant("dropout")
def scale_left_out(x, p, seed):
    return reference.dropout(x, p, seed) * (1 - p)


@mutant_backward("dropout")
def mask_of_the_next_block(dy, x, p, seed):
    longer = np.concatenate([np.zeros(4), dy.reshape(-1)])
    return (reference.dropout(longer, p, seed)[4:].reshape(x.shape),)
