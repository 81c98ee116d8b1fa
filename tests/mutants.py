"""What defective kernels would compute: results that the bounds must refuse.

A mutant takes an op's arguments in float64 (a gradient's: the output gradient first) and returns one array for each
output or gradient, or None where the case has nothing to break.
"""

import numpy as np
import pytest

from fastnets import reference
from fastnets.cases import FLOATS

FORWARD, BACKWARD = [], []
SINGLE_AND_DOUBLE = ("float32", "float64")


def mutant(op, dtypes=FLOATS):
    return lambda f: FORWARD.append(pytest.param(op, f, dtypes, id=f"{op}: {f.__name__}")) or f


def mutant_backward(op, dtypes=FLOATS):
    return lambda f: BACKWARD.append(pytest.param(op, f, dtypes, id=f"{op}: {f.__name__}")) or f


def as_tuple(outputs):
    return outputs if isinstance(outputs, tuple) else (outputs,)


def zeroed(a, axis, where):
    a = a.copy()
    np.moveaxis(a, axis, 0)[where] = 0.0
    return a


# ---- linear


@mutant("linear")
def k_block_left_out(x, w, b, residual, activation):
    return reference.linear(zeroed(x, -1, slice(-4, None)), w, b, residual, activation)


@mutant("linear")
def last_k_left_out(x, w, b, residual, activation):
    return reference.linear(zeroed(x, -1, slice(-1, None)), w, b, residual, activation)


@mutant("linear")
def k_block_added_twice(x, w, b, residual, activation):
    twice = np.concatenate([x, x[..., :4]], axis=-1)
    return reference.linear(twice, np.concatenate([w, w[:, :4]], axis=-1), b, residual, activation)


@mutant("linear")
def neighbour_weights(x, w, b, residual, activation):
    return reference.linear(x, np.roll(w, 1, axis=0), b, residual, activation)


@mutant("linear")
def weight_read_transposed(x, w, b, residual, activation):
    return reference.linear(x, w.T.reshape(w.shape), b, residual, activation)


@mutant("linear")
def bias_left_out(x, w, b, residual, activation):
    return None if b is None else reference.linear(x, w, None, residual, activation)


@mutant("linear")
def residual_left_out(x, w, b, residual, activation):
    return None if residual is None else reference.linear(x, w, b, None, activation)


@mutant("linear")
def residual_after_activation(x, w, b, residual, activation):
    return None if residual is None else reference.linear(x, w, b, None, activation) + residual


@mutant("linear")
def activation_left_out(x, w, b, residual, activation):
    return reference.linear(x, w, b, residual, None)


@mutant_backward("linear")
def m_block_left_out(dy, x, w, b, residual, activation):
    if dy.ndim < 2:
        return None
    return reference.linear_backward(zeroed(dy, -2, slice(-2, None)), x, w, b, residual, activation)


@mutant_backward("linear")
def n_block_left_out(dy, x, w, b, residual, activation):
    return reference.linear_backward(zeroed(dy, -1, slice(-1, None)), x, w, b, residual, activation)


@mutant_backward("linear")
def derivative_left_out(dy, x, w, b, residual, activation):
    return reference.linear_backward(dy, x, w, b, residual, None)


# ---- conv


@mutant("conv")
def kernel_flipped(x, w, *rest):
    return reference.conv(x, w[..., ::-1], *rest)


@mutant("conv")
def last_tap_left_out(x, w, *rest):
    return reference.conv(x, zeroed(w, -1, slice(-1, None)), *rest)


@mutant("conv")
def channel_left_out(x, w, *rest):
    return reference.conv(x, zeroed(w, 1, slice(-1, None)), *rest) if w.size else None


@mutant("conv")
def neighbour_channels(x, w, *rest):
    return reference.conv(np.roll(x, 1, axis=-1 - len(rest[2])), w, *rest)


@mutant("conv")
def padding_off_by_one(x, w, b, residual, stride, padding, padding_end, *rest):
    if not padding_end[-1]:
        return None
    ahead, behind = (*padding[:-1], padding[-1] + 1), (*padding_end[:-1], padding_end[-1] - 1)
    if ahead[-1] >= x.shape[-1] and rest[2] != "zeros":
        return None
    return reference.conv(x, w, b, residual, stride, ahead, behind, *rest)


@mutant("conv")
def padding_mode_ignored(x, w, b, residual, stride, padding, padding_end, dilation, groups, mode, activation):
    return reference.conv(x, w, b, residual, stride, padding, padding_end, dilation, groups, "zeros", activation)


@mutant("conv")
def conv_bias_of_the_neighbour(x, w, b, *rest):
    return None if b is None else reference.conv(x, w, np.roll(b, 1), *rest)


@mutant("conv")
def conv_activation_left_out(*args):
    return reference.conv(*args[:-1], None)


@mutant_backward("conv")
def image_left_out(dy, x, w, b, residual, *rest):
    return reference.conv_backward(zeroed(dy, 0, slice(-1, None)), x, w, b, residual, *rest)


@mutant_backward("conv")
def last_output_column_left_out(dy, *args):
    return reference.conv_backward(zeroed(dy, -1, slice(-1, None)), *args)


@mutant_backward("conv")
def conv_derivative_left_out(dy, *args):
    return reference.conv_backward(dy, *args[:-1], None)


@mutant_backward("conv")
def gradient_of_padding_mode_ignored(dy, *args):
    return reference.conv_backward(dy, *args[:-2], "zeros", args[-1])


# ---- max_pool


@mutant("max_pool")
def padding_of_zeros(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    if ceil_mode or not any(padding):
        return None
    padded = np.pad(x, [(0, 0)] * (x.ndim - len(padding)) + [(p, p) for p in padding])
    none = (0,) * len(padding)
    outputs = as_tuple(reference.max_pool(padded, kernel_size, stride, none, dilation, False, return_indices))
    return outputs[0], *outputs[1:]


@mutant("max_pool")
def last_tap_of_the_window_left_out(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    minimum = np.flip(np.flip(x))
    minimum[..., -1] = -1e3
    return reference.max_pool(minimum, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@mutant_backward("max_pool")
def overlapping_windows_overwrite(dy, x, *parameters):
    _, index = reference.max_pool(x, *parameters[:-1], True)
    rank = len(parameters[0])
    PQ = int(np.prod(dy.shape[-rank:]))
    dx = np.zeros((int(np.prod(x.shape[:-rank])), int(np.prod(x.shape[-rank:]))))
    for plane, (i, d) in enumerate(zip(index.reshape(len(dx), PQ), dy.reshape(len(dx), PQ), strict=True)):
        dx[plane, i] = d
    return (dx.reshape(x.shape),)


# ---- activation


@mutant("activation", SINGLE_AND_DOUBLE)  # 5e-4 apart: about a rounding of half precision
def gelu_taken_for_gelu_tanh(x, kind, alpha):
    other = {"gelu": "gelu_tanh", "gelu_tanh": "gelu"}.get(kind)
    return None if other is None else reference.activation(x, other, alpha)


@mutant("activation", SINGLE_AND_DOUBLE)
def expm1_by_subtraction(x, kind, alpha):
    if kind != "elu":
        return None
    e = np.exp(x).astype(np.float32 if np.abs(x).max() > 1e-3 else np.float64).astype(np.float64)
    return np.where(x > 0, x, alpha * (e - 1))


@mutant("activation")
def alpha_ignored(x, kind, alpha):
    return reference.activation(x, kind, 0.01) if kind in ("leaky_relu", "elu") else None


@mutant("activation")
def silu_without_its_factor(x, kind, alpha):
    return reference.activation(x, "sigmoid", alpha) if kind == "silu" else None


@mutant_backward("activation")
def derivative_of_the_output(dy, x, kind, alpha):
    return reference.activation_backward(dy, reference.activation(x, kind, alpha), kind, alpha)


# ---- cross_entropy


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


# ---- dropout


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


# ---- adamw


@mutant("adamw")
def bias_correction_left_out(*args):
    return reference.adamw(*args[:5], 10**9, *args[6:])


@mutant("adamw", SINGLE_AND_DOUBLE)
def step_counted_from_zero(*args):
    return reference.adamw(*args[:5], args[5] + 1, *args[6:]) if args[5] < 1000 else None


@mutant("adamw", SINGLE_AND_DOUBLE)
def decay_left_out(*args):
    return reference.adamw(*args[:-1], 0.0)


@mutant("adamw", SINGLE_AND_DOUBLE)
def decay_added_to_the_gradient(parameter, gradient, exp_avg, exp_avg_sq, master, *hyper):
    theta = parameter if master is None else master
    return reference.adamw(parameter, gradient + hyper[-1] * theta, exp_avg, exp_avg_sq, master, *hyper[:-1], 0.0)


@mutant("adamw", ("bfloat16", "float16"))
def master_left_out(*args):
    return None if args[4] is None else (*reference.adamw(*args[:4], None, *args[5:])[:3], args[4])


@mutant("adamw")
def betas_swapped(*args):
    return reference.adamw(*args[:7], args[8], args[7], *args[9:])
