"""Mutants of cross_entropy."""

import numpy as np

from fastnets import reference

from .registry import mutant, mutant_backward


@mutant("cross_entropy")
def class_weights_left_out(x, target, weight, *rest):
    return None if weight is None else reference.cross_entropy(x, target, None, *rest)


@mutant("cross_entropy")
def smoothing_left_out(x, target, weight, ignore_index, reduction, smoothing):
    return reference.cross_entropy(x, target, weight, ignore_index, reduction, 0.0)


@mutant("cross_entropy")
def class_block_left_out_of_the_sum(x, target, *rest):
    axis = min(1, x.ndim - 1)
    lower = x.copy()
    np.moveaxis(lower, axis, 0)[-max(1, x.shape[axis] // 8) :] -= 100.0
    return reference.cross_entropy(lower, target, *rest)


@mutant_backward("cross_entropy")
def mean_over_all(dy, x, target, weight, ignore_index, reduction, smoothing):
    everything_counts = weight is None and not (target == ignore_index).any()
    if reduction != "mean" or not x.size or everything_counts or target.dtype == np.float64:
        return None
    count = x.size // x.shape[min(1, x.ndim - 1)]
    return reference.cross_entropy_backward(dy / count, x, target, weight, ignore_index, "sum", smoothing)


@mutant_backward("cross_entropy")
def ignored_taken_for_a_class(dy, x, target, weight, ignore_index, *rest):
    taken = np.where(target == ignore_index, 0, target)
    return reference.cross_entropy_backward(dy, x, taken, weight, ignore_index, *rest)


@mutant_backward("cross_entropy")
def gradient_of_class_weights_left_out(dy, x, target, weight, *rest):
    return None if weight is None else reference.cross_entropy_backward(dy, x, target, None, *rest)
