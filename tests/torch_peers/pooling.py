"""Pooling."""

import torch.nn.functional as F


def torch_max_pool(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    pool = [F.max_pool1d, F.max_pool2d, F.max_pool3d][len(stride) - 1]
    return pool(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def torch_avg_pool(x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor):
    pool = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][len(stride) - 1]
    override = {"divisor_override": divisor} if divisor else {}
    return pool(x, kernel_size, stride, padding, ceil_mode, count_include_pad, **override)


def _sizes(output_size):
    return tuple(None if size == -1 else size for size in output_size)


def torch_adaptive_avg_pool(x, output_size):
    pool = [F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d][len(output_size) - 1]
    return pool(x, _sizes(output_size) if len(output_size) > 1 else output_size[0])


def torch_adaptive_max_pool(x, output_size, return_indices):
    pool = [F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d][len(output_size) - 1]
    return pool(x, _sizes(output_size) if len(output_size) > 1 else output_size[0], return_indices)


def serves(case):
    """An adaptive pooling to nothing has no backward there."""
    return not case.op.startswith("adaptive_") or 0 not in case.parameters[0]


TORCH = {
    "max_pool": torch_max_pool,
    "avg_pool": torch_avg_pool,
    "adaptive_avg_pool": torch_adaptive_avg_pool,
    "adaptive_max_pool": torch_adaptive_max_pool,
}
