"""Mutants of losses."""

import numpy as np

from fastnets import reference

from .registry import SINGLE_AND_DOUBLE, mutant, mutant_backward


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


@mutant("nll_loss")
def nll_class_weights_left_out(x, target, weight, *rest):
    return None if weight is None else reference.nll_loss(x, target, None, *rest)


@mutant("nll_loss")
def neighbouring_class(x, target, weight, ignore_index, reduction):
    if x.shape[min(1, x.ndim - 1)] < 2:
        return None
    return reference.nll_loss(np.roll(x, 1, axis=min(1, x.ndim - 1)), target, weight, ignore_index, reduction)


@mutant("nll_loss", SINGLE_AND_DOUBLE)
def mean_over_all_samples(x, target, weight, ignore_index, reduction):
    if reduction != "mean" or not x.size:
        return None
    return reference.nll_loss(x, target, weight, ignore_index, "sum") / target.size


@mutant_backward("nll_loss")
def nll_ignored_taken_for_a_class(dy, x, target, weight, ignore_index, reduction):
    taken = np.where(target == ignore_index, 0, target)
    return reference.nll_loss_backward(dy, x, taken, weight, -(2**40), reduction)


@mutant_backward("nll_loss")
def nll_mean_over_all_samples(dy, x, target, weight, ignore_index, reduction):
    if reduction != "mean" or not x.size:
        return None
    return reference.nll_loss_backward(dy / target.size, x, target, weight, ignore_index, "sum")


@mutant("mse_loss")
def squares_without_weights(x, target, weight, reduction):
    return None if weight is None else reference.mse_loss(x, target, None, reduction)


@mutant("mse_loss", SINGLE_AND_DOUBLE)
def mean_over_elements(x, target, weight, reduction):
    if weight is None or reduction != "mean" or not x.size:
        return None
    return reference.mse_loss(x, target, weight, "sum") / x.size


@mutant("mse_loss", SINGLE_AND_DOUBLE)
def block_of_squares_left_out(x, target, weight, reduction):
    if x.size < 64:
        return None
    near = np.where(np.arange(x.size).reshape(x.shape) < x.size // 16, target, x)
    return reference.mse_loss(near, target, weight, reduction)


@mutant_backward("mse_loss")
def factor_of_two_left_out(dy, x, target, weight, reduction):
    dx, dt, dw = reference.mse_loss_backward(dy, x, target, weight, reduction)
    return dx / 2, dt / 2, dw


@mutant_backward("mse_loss")
def target_as_input(dy, x, target, weight, reduction):
    dx, _, dw = reference.mse_loss_backward(dy, x, target, weight, reduction)
    return dx, dx, dw


@mutant_backward("mse_loss")
def weights_of_the_divisor_left_out(dy, x, target, weight, reduction):
    if weight is None or reduction != "mean":
        return None
    dx, dt, _ = reference.mse_loss_backward(dy, x, target, weight, reduction)
    return dx, dt, dy / weight.sum() * (x - target) ** 2


@mutant("binary_cross_entropy_with_logits")
def binary_weight_left_out(x, target, weight, pos_weight, reduction):
    if weight is None:
        return None
    return reference.binary_cross_entropy_with_logits(x, target, None, pos_weight, reduction)


@mutant("binary_cross_entropy_with_logits")
def pos_weight_of_all_examples(x, target, weight, pos_weight, reduction):
    if pos_weight is None:
        return None
    return pos_weight.mean() * reference.binary_cross_entropy_with_logits(x, target, weight, None, reduction)


@mutant("binary_cross_entropy_with_logits")
def pos_weight_of_the_neighbour(x, target, weight, pos_weight, reduction):
    if pos_weight is None or pos_weight.size < 2:
        return None
    return reference.binary_cross_entropy_with_logits(x, target, weight, np.roll(pos_weight, 1), reduction)


@mutant("binary_cross_entropy_with_logits")
def logarithm_of_the_sum_left_out(x, target, weight, pos_weight, reduction):
    far = np.where(np.abs(x) < 1e-3, 1e-3, x) * 1e4  # there the logarithm is 0
    made = reference.binary_cross_entropy_with_logits(far, target, weight, pos_weight, reduction)
    return made / 1e4


@mutant_backward("binary_cross_entropy_with_logits")
def slope_without_pos_weight(dy, x, target, weight, pos_weight, reduction):
    if pos_weight is None:
        return None
    return reference.binary_cross_entropy_with_logits_backward(dy, x, target, weight, None, reduction)


@mutant_backward("binary_cross_entropy_with_logits")
def slope_without_weight(dy, x, target, weight, pos_weight, reduction):
    if weight is None:
        return None
    return reference.binary_cross_entropy_with_logits_backward(dy, x, target, None, pos_weight, reduction)


@mutant_backward("binary_cross_entropy_with_logits")
def other_side_of_zero(dy, x, target, weight, pos_weight, reduction):
    return reference.binary_cross_entropy_with_logits_backward(dy, -x, target, weight, pos_weight, reduction)
