"""Mutants of pooling."""

import numpy as np

from fastnets import reference

from .registry import as_tuple, mutant, mutant_backward, zeroed


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


@mutant("avg_pool")
def padding_counted_otherwise(x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor):
    if divisor or not any(padding):
        return None
    return reference.avg_pool(x, kernel_size, stride, padding, ceil_mode, not count_include_pad, divisor)


@mutant("avg_pool")
def kernel_counted_beyond_the_padding(x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor):
    if not ceil_mode or divisor:
        return None
    return reference.avg_pool(x, kernel_size, stride, padding, ceil_mode, count_include_pad, int(np.prod(kernel_size)))


@mutant("avg_pool")
def divisor_ignored(*args):
    return reference.avg_pool(*args[:-1], 0) if args[-1] else None


@mutant("avg_pool")
def last_column_taken_for_zeros(x, *args):
    return reference.avg_pool(zeroed(x, -1, slice(-1, None)), *args)


@mutant("adaptive_avg_pool")
@mutant("adaptive_max_pool")
def windows_of_one_element(x, output_size, *rest):
    sizes = [n if out == -1 else out for n, out in zip(x.shape[-len(output_size) :], output_size, strict=True)]
    if not all(sizes) or not any(n % out for n, out in zip(x.shape[-len(sizes) :], sizes, strict=True)):
        return None
    name = "adaptive_max_pool" if rest else "adaptive_avg_pool"
    begins = [np.arange(out) * n // out for n, out in zip(x.shape[-len(sizes) :], sizes, strict=True)]
    outputs = as_tuple(getattr(reference, name)(x, output_size, *rest))
    return x[(..., *np.ix_(*begins))], *outputs[1:]  # of each window its first element


@mutant("adaptive_avg_pool")
def last_column_left_out_of_the_mean(x, output_size):
    return reference.adaptive_avg_pool(zeroed(x, -1, slice(-1, None)), output_size)


@mutant("adaptive_max_pool")
def last_column_never_the_maximum(x, output_size, return_indices):
    lower = x.copy()
    lower[..., -1] = -1e3
    return reference.adaptive_max_pool(lower, output_size, return_indices)


@mutant_backward("avg_pool")
def gradient_not_divided(dy, x, *args):
    return reference.avg_pool_backward(dy, x, *args[:-1], 1)


@mutant_backward("avg_pool")
def gradient_of_padding_counted_otherwise(dy, x, kernel_size, stride, padding, ceil_mode, count, divisor):
    if divisor or not any(padding):
        return None
    return reference.avg_pool_backward(dy, x, kernel_size, stride, padding, ceil_mode, not count, divisor)


@mutant_backward("adaptive_avg_pool")
@mutant_backward("adaptive_max_pool")
def last_window_left_out(dy, x, *args):
    name = "adaptive_max_pool" if len(args) > 1 else "adaptive_avg_pool"
    return getattr(reference, name + "_backward")(zeroed(dy, -1, slice(-1, None)), x, *args)
