"""Cases of conv: input (N, C, spatial…), weight (K, C/groups, spatial…), bias, residual; geometry and activation."""

import math

from .case import Array, Case


def _case(N, C, size, K, kernel, *, stride=1, padding=0, padding_end=None, dilation=1, groups=1, padding_mode="zeros",
          bias=True, residual=False, activation=None, layouts=None):  # fmt: skip
    """N None: an image without a batch dimension. One number stands for as many as there are spatial dimensions."""
    layouts = layouts or {}
    rank = len(size)
    stride, padding, dilation = (v if isinstance(v, tuple) else (v,) * rank for v in (stride, padding, dilation))
    padding_end = padding if padding_end is None else padding_end
    padded = [h + a + b for h, a, b in zip(size, padding, padding_end, strict=True)]
    dimensions = zip(padded, kernel, stride, dilation, strict=True)
    output_size = [(h - d * (r - 1) - 1) // s + 1 for h, r, s, d in dimensions]
    batch = () if N is None else (N,)
    shapes = {
        "input": (*batch, C, *size),
        "weight": (K, C // groups, *kernel),
        "bias": (K,) if bias else None,
        "residual": (*batch, K, *output_size) if residual else None,
    }
    scale = {"weight": max(C // groups * math.prod(kernel), 1) ** -0.5}  # sums of order 1, where activations bend
    inputs = [None if s is None else Array(s, layouts.get(n, "contiguous"), scale.get(n, 1)) for n, s in shapes.items()]
    geometry = (stride, padding, padding_end, dilation, groups, padding_mode, activation)
    return Case("conv", tuple(inputs), geometry)


_ALL_CHANNELS_LAST = {"input": "channels_last", "weight": "channels_last", "residual": "channels_last"}

CASES = [
    # one, two and three spatial dimensions; kernels, strides and dilations of all kinds
    _case(1, 1, (1,), 1, (1,), bias=False),
    _case(2, 3, (17,), 5, (3,), padding=1),
    _case(3, 17, (33,), 9, (4,), stride=3, padding=2, dilation=2),
    _case(1, 3, (31, 29), 17, (7, 7), stride=2, padding=3),  # the first layer of a ResNet
    _case(2, 17, (13, 15), 33, (3, 3), padding=1),
    _case(2, 33, (9, 7), 17, (1, 1)),
    _case(2, 33, (9, 7), 17, (1, 1), stride=2, bias=False),
    _case(2, 5, (8, 9), 7, (2, 3), stride=(1, 2), padding=(1, 0), padding_end=(0, 2), dilation=(3, 1)),
    _case(1, 2, (9, 9), 3, (2, 2), stride=3),  # steps over elements
    _case(1, 3, (5, 5), 4, (5, 5), padding=4),  # more padding than image
    _case(1, 3, (3, 4), 5, (3, 4)),  # one output
    _case(1, 225, (5, 4), 18, (3, 3), padding=1, bias=False),  # 2025 terms a sum
    _case(1, 3, (4, 5, 6), 5, (2, 3, 3), stride=(1, 2, 1), padding=(1, 0, 1)),
    _case(2, 7, (3, 4, 5), 9, (3, 3, 3), padding=1, dilation=(1, 1, 2), padding_end=(1, 1, 2)),
    # groups
    _case(2, 17, (9, 11), 17, (3, 3), padding=1, groups=17),
    _case(2, 33, (8, 7), 33, (5, 5), stride=2, padding=2, groups=33, layouts=_ALL_CHANNELS_LAST),
    _case(1, 3, (7, 7), 6, (3, 3), groups=3),  # two outputs for each input
    _case(2, 12, (7, 5), 21, (3, 3), padding=1, groups=3),
    _case(2, 34, (19,), 6, (3,), groups=2, padding=1),
    # depthwise: more than one piece of a line, of lines, of channels; strides that deal out columns
    _case(1, 3, (2100,), 3, (3,), padding=1, groups=3),
    _case(1, 5, (1100,), 5, (4,), stride=2, padding=2, groups=5, layouts=_ALL_CHANNELS_LAST),
    _case(1, 2, (70, 65), 2, (3, 3), padding=1, groups=2, activation="relu"),
    _case(2, 3, (61, 70), 3, (5, 4), stride=(2, 3), padding=(2, 1), dilation=(1, 2), groups=3, residual=True),
    _case(1, 515, (6, 7), 515, (3, 3), padding=1, groups=515, residual=True, layouts=_ALL_CHANNELS_LAST),
    _case(1, 67, (24, 9), 67, (3, 2), stride=(2, 1), padding=1, dilation=(1, 3), groups=67, layouts=_ALL_CHANNELS_LAST),
    _case(2, 5, (3, 4, 5), 5, (2, 3, 2), stride=(2, 1, 2), padding=(1, 2, 1), dilation=(1, 2, 1), groups=5),
    _case(2, 5, (3, 4, 5), 5, (2, 3, 2), stride=(2, 1, 2), padding=(1, 2, 1), dilation=(1, 2, 1), groups=5,
          activation="gelu", layouts=_ALL_CHANNELS_LAST),
    _case(2, 3, (7, 6), 3, (3, 3), groups=3, padding=(2, 1), padding_mode="reflect"),
    _case(1, 2, (24, 25), 2, (23, 23), padding=3, groups=2),  # 529 terms a sum
    # padding modes
    _case(2, 3, (7, 6), 5, (3, 3), padding=(2, 1), padding_end=(1, 3), padding_mode="reflect"),
    _case(2, 3, (7, 6), 5, (3, 3), padding=(2, 1), padding_end=(1, 3), padding_mode="replicate"),
    _case(2, 3, (7, 6), 5, (3, 3), padding=(2, 1), padding_end=(1, 3), padding_mode="circular"),
    _case(1, 3, (7,), 4, (3,), padding=2, padding_mode="reflect"),
    _case(1, 2, (3, 4, 5), 3, (2, 3, 3), stride=2, padding=(2, 1, 2), padding_mode="circular"),
    _case(1, 2, (3, 4, 5), 3, (2, 3, 3), padding=1, padding_mode="replicate", layouts=_ALL_CHANNELS_LAST),
    # without a batch, with an empty one, without channels
    _case(None, 5, (17,), 3, (3,), padding=1, residual=True),
    _case(None, 3, (9, 8), 7, (3, 3), stride=2, activation="relu"),
    _case(None, 2, (3, 4, 5), 3, (2, 2, 2)),
    _case(0, 3, (5, 5), 4, (3, 3), padding=1),
    _case(2, 0, (5, 5), 4, (3, 3), padding=1),
    # whole chunks of channels, which bulk copies of a GPU can bring: what they gather, and what they leave
    _case(3, 64, (6, 9), 40, (3, 3), padding=1, residual=True, activation="gelu", layouts=_ALL_CHANNELS_LAST),
    _case(2, 80, (9, 8), 32, (3, 3), stride=(2, 1), padding=(1, 3), dilation=(2, 1), padding_end=(1, 2)),
    _case(2, 128, (7, 5), 128, (5, 1), padding=(2, 0), groups=2, bias=False, layouts=_ALL_CHANNELS_LAST),
    # their last channels have the next group's beside them
    _case(1, 160, (4, 5), 96, (2, 3), padding=1, groups=2, layouts=_ALL_CHANNELS_LAST),
    _case(3, 64, (19,), 64, (3,), padding=5, dilation=2, activation="relu"),  # windows of the border alone
    _case(2, 64, (3, 4, 5), 32, (2, 3, 3), stride=(1, 2, 1), padding=(1, 0, 1)),
    _case(2, 64, (3, 4, 3), 64, (3, 1, 3), padding=1, layouts=_ALL_CHANNELS_LAST),
    _case(1, 16, (7, 6), 16, (3, 3), padding=1),  # few channels
    _case(2, 64, (7, 6), 72, (1, 1), stride=2, residual=True, activation="relu", layouts=_ALL_CHANNELS_LAST),
    _case(2, 24, (9, 8), 16, (1, 1), residual=True, activation="silu"),
    _case(2, 32, (5, 7), 48, (1, 1), groups=2, layouts=_ALL_CHANNELS_LAST),
    _case(1, 64, (5, 6), 64, (3, 3), padding=1, padding_mode="reflect"),
    # epilogues
    _case(2, 9, (7, 9), 17, (3, 3), padding=1, residual=True, activation="relu"),
    _case(2, 9, (7, 9), 17, (3, 3), padding=1, bias=False, residual=True),
    _case(2, 9, (7, 9), 17, (3, 3), padding=1, residual=True, activation="gelu"),
    _case(1, 9, (17,), 5, (3,), padding=1, activation="gelu_tanh"),
    _case(1, 9, (7, 9), 17, (1, 1), residual=True, activation="silu"),
    _case(2, 9, (7, 9), 9, (3, 3), padding=1, groups=9, activation="silu"),
    _case(1, 9, (17,), 5, (3,), padding=1, activation="tanh"),
    _case(1, 9, (3, 4, 5), 5, (1, 3, 1), activation="sigmoid"),
    # layouts
    _case(2, 17, (13, 15), 33, (3, 3), padding=1, layouts=_ALL_CHANNELS_LAST),
    _case(2, 33, (9, 7), 17, (1, 1), residual=True, activation="relu", layouts=_ALL_CHANNELS_LAST),
    _case(1, 3, (15, 13), 8, (3, 3), stride=2, padding=1, layouts={"input": "channels_last"}),
    _case(2, 5, (17,), 7, (3,), padding=1, residual=True, layouts=_ALL_CHANNELS_LAST),
    _case(2, 7, (6, 5), 5, (3, 2), layouts={"input": "transposed", "weight": "transposed"}),
    _case(2, 7, (6, 5), 5, (3, 2), layouts={"input": "rows", "weight": "rows", "bias": "strided"}),
    _case(2, 7, (6, 5), 5, (3, 2), padding=1, layouts={"input": "strided", "weight": "strided"}),
    _case(2, 7, (6, 5), 5, (3, 3), padding=1, residual=True,
          layouts={"input": "negative", "weight": "negative", "bias": "negative", "residual": "negative"}),
    _case(3, 7, (6, 5), 5, (3, 3), padding=1, residual=True, layouts={"input": "broadcast", "residual": "broadcast"}),
    _case(2, 7, (6, 5), 5, (3, 3), layouts={"input": "offset", "weight": "offset", "bias": "readonly"}),
]  # fmt: skip

# fmt: off
LARGE = [  # enough for several threads to have work
    Case("conv", (Array((5, 33, 17, 19)), Array((67, 33, 3, 3)), Array((67,)), None),
             ((1, 1), (1, 1), (1, 1), (1, 1), 1, "zeros", "relu")),
        Case("conv", (Array((1, 67, 33, 35), "channels_last"), Array((67, 1, 3, 3)), Array((67,)), None),
             ((2, 2), (1, 1), (1, 1), (1, 1), 67, "zeros", None)),
        Case("conv", (Array((3, 65, 515)), Array((33, 65, 1)), None, None),
             ((1,), (0,), (0,), (1,), 1, "zeros", "silu")),
]

BATCHED = [  # of independent parts along the first dimension
    Case("conv", (Array((5, 17, 9, 11)), Array((33, 17, 3, 3)), Array((33,)), None),
         ((1, 1), (1, 1), (1, 1), (1, 1), 1, "zeros", "tanh")),
    Case("conv", (Array((5, 17, 9, 11), "channels_last"), Array((33, 17, 3, 3)), Array((33,)), None),
         ((2, 2), (1, 1), (1, 1), (1, 1), 1, "zeros", None)),
    Case("conv", (Array((7, 9, 8, 7)), Array((9, 1, 3, 3)), None, None),
         ((1, 1), (1, 1), (1, 1), (1, 1), 9, "zeros", None)),
    Case("conv", (Array((7, 9, 5, 5)), Array((5, 9, 1, 1)), None, None),
         ((1, 1), (0, 0), (0, 0), (1, 1), 1, "zeros", None)),
    Case("conv", (Array((5, 64, 5, 9), "channels_last"), Array((40, 64, 3, 3)), Array((40,)), None),
         ((1, 1), (1, 1), (1, 1), (1, 1), 1, "zeros", None)),
]
# fmt: on
