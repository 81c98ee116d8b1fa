"""Products, with what fastnets fuses into them."""

import torch.nn.functional as F

from .activations import torch_activation


def torch_linear(x, w, b, residual, kind):
    z = F.linear(x, w, b)
    return torch_activation(z if residual is None else z + residual, kind)


def torch_conv(x, w, b, residual, stride, padding, padding_end, dilation, groups, mode, kind):
    widths = [width for pair in zip(reversed(padding), reversed(padding_end), strict=True) for width in pair]
    x = F.pad(x, widths, mode="constant" if mode == "zeros" else mode)
    z = [F.conv1d, F.conv2d, F.conv3d][len(stride) - 1](x, w, b, stride, 0, dilation, groups)
    return torch_activation(z if residual is None else z + residual, kind)


def serves(case):
    """A convolution without channels or of an empty batch has no backward there."""
    return case.op != "conv" or 0 not in case.inputs[0].shape


TORCH = {"linear": torch_linear, "conv": torch_conv}
