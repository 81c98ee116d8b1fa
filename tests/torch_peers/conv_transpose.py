"""Transposed convolution."""

import torch.nn.functional as F

from .activations import torch_activation


def torch_conv_transpose(x, w, b, stride, padding, output_padding, groups, dilation, kind):
    transpose = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][len(stride) - 1]
    return torch_activation(transpose(x, w, b, stride, padding, output_padding, groups, dilation), kind)


def serves(case):
    """Without channels or of an empty batch it has no backward there."""
    return all(0 not in a.shape for a in case.inputs if a is not None)


TORCH = {"conv_transpose": torch_conv_transpose}
