"""Pooling."""

import torch.nn.functional as F


def torch_max_pool(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    pool = [F.max_pool1d, F.max_pool2d, F.max_pool3d][len(stride) - 1]
    return pool(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


TORCH = {"max_pool": torch_max_pool}
