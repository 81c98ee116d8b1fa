"""Mutants of max_pool."""

import numpy as np

from fastnets import reference

from .registry import as_tuple, mutant, mutant_backward


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
