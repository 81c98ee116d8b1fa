"""Mutants of the normalisations."""

import numpy as np

from fastnets import reference
from fastnets.reference.normalization import by_channel

from .registry import SINGLE_AND_DOUBLE, mutant, mutant_backward, zeroed


def has_variance(x):
    """Without any the output is a rounding error, another one in an array of other strides."""
    return x.size > 0 and np.ptp(x, axis=(0, *range(2, x.ndim))).all()


@mutant("batch_norm_inference", SINGLE_AND_DOUBLE)
def eps_left_out(x, mean, var, w, b, eps):
    return reference.batch_norm_inference(x, mean, var, w, b, 0.0)


@mutant("batch_norm_inference")
def standard_deviation_not_rooted(x, mean, var, w, b, eps):
    return reference.batch_norm_inference(x, mean, var**2, w, b, eps)


@mutant("batch_norm_inference")
def statistics_of_the_neighbour(x, mean, *rest):
    return reference.batch_norm_inference(x, np.roll(mean, 1), *rest)


@mutant("batch_norm_inference")
def bias_of_the_neighbour(x, mean, var, w, b, eps):
    return None if b is None else reference.batch_norm_inference(x, mean, var, w, np.roll(b, 1), eps)


@mutant("batch_norm_inference")
def weight_left_out(x, mean, var, w, b, eps):
    return None if w is None else reference.batch_norm_inference(x, mean, var, None, b, eps)


@mutant("batch_norm_training", SINGLE_AND_DOUBLE)
def normalised_by_the_unbiased_variance(x, mean, var, w, b, momentum, eps):
    if not has_variance(x):
        return None
    n = x.size // x.shape[1]
    y, *running = reference.batch_norm_training(x, mean, var, None, None, momentum, eps * (n - 1) / n)
    y = y * np.sqrt((n - 1) / n)
    y = y if w is None else y * by_channel(w, x)
    return y if b is None else y + by_channel(b, x), *running


@mutant("batch_norm_training", SINGLE_AND_DOUBLE)
def running_variance_biased(x, mean, var, w, b, momentum, eps):
    if not has_variance(x) or var is None or not momentum:
        return None
    n = x.size // x.shape[1]
    y, mean, seen = reference.batch_norm_training(x, mean, var, w, b, momentum, eps)
    return y, mean, var * (1 - momentum) + (seen - var * (1 - momentum)) * (n - 1) / n


@mutant("batch_norm_training")
def momentum_taken_for_what_is_kept(x, mean, var, w, b, momentum, eps):
    if not has_variance(x):
        return None
    return reference.batch_norm_training(x, mean, var, w, b, 1 - momentum, eps)


@mutant("batch_norm_training")
def statistics_of_each_image(x, mean, var, *rest):
    if not has_variance(x) or len(x) < 2 or x[0].size == x.shape[1]:
        return None
    images = [reference.batch_norm_training(image[np.newaxis], None, None, *rest)[0] for image in x]
    return np.concatenate(images), *reference.batch_norm_training(x, mean, var, *rest)[1:]


@mutant("batch_norm_training", SINGLE_AND_DOUBLE)
def last_element_left_out_of_the_statistics(x, mean, var, w, b, momentum, eps):
    if x[..., :-1].size <= x.shape[1] or x.ndim < 3:
        return None
    axes = (0, *range(2, x.ndim))
    seen = x[..., :-1]
    y = reference.batch_norm_inference(x, seen.mean(axis=axes), seen.var(axis=axes), w, b, eps)
    return y, *reference.batch_norm_training(x, mean, var, w, b, momentum, eps)[1:]


@mutant("batch_norm_training", ("float32",))
def variance_by_the_mean_of_squares(x, mean, var, w, b, momentum, eps):
    if not x.size or np.abs(x.mean()) < 100:
        return None
    axes = (0, *range(2, x.ndim))
    single = x.astype(np.float32)
    first = single.mean(axis=axes)
    second = (single * single).mean(axis=axes) - first * first
    y = reference.batch_norm_inference(x, first, np.maximum(second, 0), w, b, eps)
    return y, *reference.batch_norm_training(x, mean, var, w, b, momentum, eps)[1:]


@mutant("batch_norm_training", SINGLE_AND_DOUBLE)
def eps_of_training_left_out(*args):
    return reference.batch_norm_training(*args[:-1], args[-1] * 1e-3) if args[-1] > 1e-3 else None


def _pulled(gradient, dx):
    return (dx, *gradient[1:])


@mutant_backward("batch_norm_training")
def statistics_taken_for_constants(dy, x, mean, var, w, b, momentum, eps):
    if not x.size:
        return None
    axes = (0, *range(2, x.ndim))
    return reference.batch_norm_inference_backward(dy, x, x.mean(axis=axes), x.var(axis=axes), w, b, eps)


@mutant_backward("batch_norm_training")
def mean_of_the_gradient_left_out(dy, x, mean, var, w, *rest):
    if not x.size:
        return None
    gradient = reference.batch_norm_training_backward(dy, x, mean, var, w, *rest)
    rstd = 1 / np.sqrt(x.var(axis=(0, *range(2, x.ndim))) + rest[-1])
    level = by_channel((1.0 if w is None else w) * rstd * dy.mean(axis=(0, *range(2, x.ndim))), x)
    return _pulled(gradient, gradient[0] + level)


@mutant_backward("batch_norm_training")
def last_column_left_out_of_the_sums(dy, x, *rest):
    gradient = reference.batch_norm_training_backward(zeroed(dy, -1, slice(-1, None)), x, *rest)
    return _pulled(gradient, reference.batch_norm_training_backward(dy, x, *rest)[0])


@mutant_backward("batch_norm_training")
def weight_left_out_of_dx(dy, x, mean, var, w, *rest):
    if w is None:
        return None
    gradient = reference.batch_norm_training_backward(dy, x, mean, var, w, *rest)
    return _pulled(gradient, reference.batch_norm_training_backward(dy, x, mean, var, None, *rest)[0])


@mutant_backward("batch_norm_inference")
def batch_statistics_in_inference(dy, x, mean, var, w, b, eps):
    return reference.batch_norm_training_backward(dy, x, mean, var, w, b, 0.1, eps)


@mutant("layer_norm", SINGLE_AND_DOUBLE)
def eps_of_layer_norm_left_out(*args):
    return reference.layer_norm(*args[:-1], 0.0) if args[-1] > 0.01 else None


@mutant("layer_norm")
def rows_not_centered(x, w, b, normalized_shape, eps):
    y = reference.rms_norm(x, w, normalized_shape, eps)
    return y if b is None else y + b


@mutant("layer_norm", SINGLE_AND_DOUBLE)
def last_column_left_out_of_the_moments(x, w, b, normalized_shape, eps):
    if x.ndim != 2 or x.shape[1] < 2 or not x.size:
        return None
    seen = x[:, :-1]
    y = (x - seen.mean(axis=1, keepdims=True)) / np.sqrt(seen.var(axis=1, keepdims=True) + eps)
    y = y if w is None else y * w
    return y if b is None else y + b


@mutant("layer_norm")
def weight_of_the_neighbour(x, w, b, *rest):
    return None if w is None else reference.layer_norm(x, np.roll(w, 1), b, *rest)


@mutant("layer_norm")
def bias_of_layer_norm_left_out(x, w, b, *rest):
    return None if b is None else reference.layer_norm(x, w, None, *rest)


@mutant_backward("layer_norm")
def weight_left_out_of_the_sums(dy, x, w, b, *rest):
    if w is None or x.shape[-1] < 2:
        return None
    gradient = reference.layer_norm_backward(dy, x, w, b, *rest)
    return _pulled(gradient, reference.layer_norm_backward(dy, x, np.ones_like(w), b, *rest)[0] * w)


@mutant_backward("layer_norm")
def last_row_left_out_of_the_parameters(dy, x, w, b, *rest):
    dx, *_ = reference.layer_norm_backward(dy, x, w, b, *rest)
    return dx, *reference.layer_norm_backward(zeroed(dy, 0, slice(-1, None)), x, w, b, *rest)[1:]


@mutant("rms_norm", SINGLE_AND_DOUBLE)
def eps_of_rms_norm_left_out(*args):
    return reference.rms_norm(*args[:-1], 0.0) if args[-1] > 0.01 else None


@mutant("rms_norm")
def rows_centered(x, w, normalized_shape, eps):
    return reference.layer_norm(x, w, None, normalized_shape, eps)


@mutant("rms_norm")
def weight_of_rms_norm_left_out(x, w, *rest):
    return None if w is None else reference.rms_norm(x, None, *rest)


@mutant_backward("rms_norm")
def mean_square_taken_for_a_constant(dy, x, w, normalized_shape, eps):
    rstd = reference.rms_norm(x, None, normalized_shape, eps) / np.where(x == 0, 1, x)
    dw = reference.rms_norm_backward(dy, x, w, normalized_shape, eps)[1]
    return rstd * dy * (1 if w is None else w), dw


@mutant_backward("rms_norm")
def last_row_left_out_of_the_weight(dy, x, *rest):
    dx, _ = reference.rms_norm_backward(dy, x, *rest)
    return dx, reference.rms_norm_backward(zeroed(dy, 0, slice(-1, None)), x, *rest)[1]


@mutant("group_norm")
def one_group(x, w, b, num_groups, eps):
    return None if num_groups == 1 else reference.group_norm(x, w, b, 1, eps)


@mutant("group_norm", SINGLE_AND_DOUBLE)
def eps_of_group_norm_left_out(*args):
    return reference.group_norm(*args[:-1], 0.0) if args[-1] > 0.01 else None


@mutant("group_norm")
def channels_taken_for_every_gth(x, w, b, num_groups, eps):
    if num_groups in (1, x.shape[1]) or not x.size:
        return None
    order = np.arange(x.shape[1]).reshape(num_groups, -1).T.reshape(-1)
    y = np.empty_like(x)
    y[:, order] = reference.group_norm(x[:, order], None, None, num_groups, eps)
    y = y if w is None else y * by_channel(w, x)
    return y if b is None else y + by_channel(b, x)


@mutant("group_norm")
def weight_of_the_group(x, w, b, num_groups, eps):
    if w is None or num_groups == len(w) or not x.size:
        return None
    return reference.group_norm(x, np.repeat(w[:: len(w) // num_groups], len(w) // num_groups), b, num_groups, eps)


@mutant_backward("group_norm")
def weight_left_out_of_the_sums_of_a_group(dy, x, w, *rest):
    if w is None or rest[1] == len(w):
        return None
    gradient = reference.group_norm_backward(dy, x, w, *rest)
    return _pulled(gradient, reference.group_norm_backward(dy, x, np.ones_like(w), *rest)[0] * by_channel(w, x))


@mutant_backward("group_norm")
def image_left_out_of_the_parameters(dy, x, w, b, *rest):
    gradient = reference.group_norm_backward(zeroed(dy, 0, slice(-1, None)), x, w, b, *rest)
    return _pulled(gradient, reference.group_norm_backward(dy, x, w, b, *rest)[0])
