"""Cases of conv_transpose: input (N, C, spatial…), weight (C, K/groups, spatial…), bias; geometry and activation."""

import math

from .case import Array, Case


def _case(N, C, size, K, kernel, *, stride=1, padding=0, output_padding=0, groups=1, dilation=1, bias=True,
          activation=None, layouts=None):  # fmt: skip
    """N None: an image without a batch dimension. One number stands for as many as there are spatial dimensions."""
    layouts = layouts or {}
    rank = len(size)
    stride, padding, output_padding, dilation = (
        v if isinstance(v, tuple) else (v,) * rank for v in (stride, padding, output_padding, dilation)
    )
    batch = () if N is None else (N,)
    shapes = {
        "input": (*batch, C, *size),
        "weight": (C, K // groups, *kernel),
        "bias": (K,) if bias else None,
    }
    scale = {"weight": max(C // groups * math.prod(kernel), 1) ** -0.5}  # sums of order 1, where activations bend
    inputs = [None if s is None else Array(s, layouts.get(n, "contiguous"), scale.get(n, 1)) for n, s in shapes.items()]
    geometry = (stride, padding, output_padding, groups, dilation, activation)
    return Case("conv_transpose", tuple(inputs), geometry)


_ALL_CHANNELS_LAST = {"input": "channels_last", "weight": "channels_last"}

CASES = [
    # one, two and three spatial dimensions; kernels, strides and dilations of all kinds
    _case(1, 1, (1,), 1, (1,), bias=False),
    _case(2, 3, (17,), 5, (3,), padding=1),
    _case(3, 17, (33,), 9, (4,), stride=3, padding=2, dilation=2, output_padding=1),
    _case(2, 33, (9, 7), 17, (2, 2), stride=2),  # the upsampling of a U-Net
    _case(2, 17, (7, 8), 19, (4, 4), stride=2, padding=1),  # the upsampling of a GAN
    _case(2, 17, (13, 15), 33, (3, 3), padding=1),
    _case(2, 33, (9, 7), 17, (1, 1)),
    _case(2, 33, (9, 7), 17, (1, 1), stride=2, bias=False),  # three of four outputs are the bias
    _case(2, 5, (8, 9), 7, (2, 3), stride=(1, 3), padding=(1, 0), output_padding=(0, 2), dilation=(3, 1)),
    _case(1, 2, (4, 5), 3, (2, 2), stride=3, activation="sigmoid"),  # gaps between the kernels
    _case(1, 3, (5, 5), 4, (5, 5), padding=4),  # most of the output cut off
    _case(1, 3, (1, 1), 5, (3, 4)),  # one input
    _case(1, 18, (3, 1), 5, (1, 1), stride=2, output_padding=1),  # rows and columns that no input reaches
    _case(1, 225, (5, 4), 18, (3, 3), padding=1, bias=False),  # 2025 terms a sum
    _case(1, 3, (3, 4, 5), 5, (2, 3, 3), stride=(1, 2, 1), padding=(1, 0, 1), output_padding=(0, 1, 0)),
    _case(2, 7, (2, 3, 2), 9, (3, 3, 3), stride=2, padding=1, dilation=(1, 1, 2), output_padding=(1, 0, 1)),
    # groups
    _case(2, 17, (9, 11), 17, (3, 3), padding=1, groups=17),
    _case(2, 33, (5, 4), 33, (5, 5), stride=2, padding=2, groups=33, layouts=_ALL_CHANNELS_LAST),
    _case(1, 3, (7, 7), 6, (3, 3), groups=3),  # two outputs for each input
    _case(2, 12, (7, 5), 21, (3, 3), stride=2, padding=1, groups=3),
    _case(2, 34, (19,), 6, (3,), groups=2, padding=1),
    # without a batch, with an empty one, without channels
    _case(None, 5, (17,), 3, (3,), padding=1, stride=2),
    _case(None, 3, (9, 8), 7, (3, 3), stride=2, activation="relu"),
    _case(None, 2, (3, 4, 5), 3, (2, 2, 2)),
    _case(0, 3, (5, 5), 4, (3, 3), padding=1),
    _case(2, 0, (5, 5), 4, (3, 3), padding=1),
    _case(2, 3, (5, 5), 0, (3, 3), stride=2),
    # whole chunks of channels, which bulk copies of a GPU can bring: what they gather, and what they leave
    _case(3, 64, (6, 9), 32, (3, 3), padding=1, activation="gelu", layouts=_ALL_CHANNELS_LAST),
    _case(2, 40, (5, 4), 64, (3, 3), stride=2, padding=1, output_padding=1),
    _case(2, 128, (7,), 128, (3,), padding=2, dilation=3, groups=2),
    _case(2, 24, (5, 6), 40, (1, 1), activation="relu", layouts=_ALL_CHANNELS_LAST),
    # epilogues
    _case(2, 9, (7, 9), 17, (3, 3), padding=1, activation="relu"),
    _case(2, 9, (7, 5), 17, (3, 3), stride=2, padding=1, activation="gelu"),
    _case(2, 9, (7, 5), 17, (3, 3), stride=2, padding=1, activation="gelu", layouts=_ALL_CHANNELS_LAST),
    _case(1, 9, (17,), 5, (3,), padding=1, activation="gelu_tanh"),
    _case(1, 9, (7, 9), 17, (2, 2), stride=2, bias=False, activation="silu"),
    _case(2, 9, (7, 9), 9, (3, 3), padding=1, groups=9, activation="silu"),
    _case(1, 9, (17,), 5, (3,), padding=1, activation="tanh"),
    _case(2, 9, (4, 3), 9, (2, 2), stride=(1, 2), groups=9, activation="gelu"),  # lines shorter than a vector
    # layouts
    _case(2, 17, (13, 15), 33, (3, 3), padding=1, layouts=_ALL_CHANNELS_LAST),
    _case(2, 33, (9, 7), 17, (2, 2), stride=2, activation="relu", layouts=_ALL_CHANNELS_LAST),
    _case(1, 3, (8, 7), 8, (3, 3), stride=2, padding=1, layouts={"input": "channels_last"}),
    _case(1, 3, (8, 7), 8, (3, 3), stride=2, padding=1, layouts={"weight": "channels_last"}),
    _case(2, 5, (17,), 7, (3,), padding=1, layouts=_ALL_CHANNELS_LAST),
    _case(1, 7, (3, 4, 2), 5, (2, 3, 3), stride=2, layouts=_ALL_CHANNELS_LAST),
    _case(2, 7, (6, 5), 5, (3, 2), layouts={"input": "transposed", "weight": "transposed"}),
    _case(2, 7, (6, 5), 5, (3, 2), layouts={"input": "rows", "weight": "rows", "bias": "strided"}),
    _case(2, 7, (6, 5), 5, (3, 2), padding=1, layouts={"input": "strided", "weight": "strided"}),
    _case(2, 7, (6, 5), 5, (3, 3), stride=2, layouts={"input": "negative", "weight": "negative", "bias": "negative"}),
    _case(3, 7, (6, 5), 5, (3, 3), padding=1, layouts={"input": "broadcast"}),
    _case(2, 7, (6, 5), 5, (3, 3), layouts={"input": "offset", "weight": "offset", "bias": "readonly"}),
]  # fmt: skip

LARGE = [  # enough for several threads to have work
    _case(5, 33, (17, 19), 67, (3, 3), stride=2, padding=1, activation="relu"),
    _case(3, 65, (33, 35), 21, (4, 4), stride=2, padding=1, layouts={"input": "channels_last"}),
    _case(3, 65, (515,), 33, (2,), activation="silu"),
]

BATCHED = [  # of independent parts along the first dimension
    _case(5, 17, (9, 11), 33, (3, 3), stride=2, padding=1, activation="tanh"),
    _case(5, 17, (5, 6), 33, (4, 4), stride=2, padding=1, layouts={"input": "channels_last"}),
    _case(7, 9, (8, 7), 9, (3, 3), padding=1, groups=9),
]
