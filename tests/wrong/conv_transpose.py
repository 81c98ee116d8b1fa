"""Transposed convolution called right and wrong."""

import numpy as np

from .values import normal

# fmt: off
RIGHT = {
    "conv_transpose1d": ("conv_transpose", dict(
        input=normal(2, 4, 9), weight=normal(4, 3, 3), bias=normal(6), stride=2, padding=1, output_padding=1, groups=2,
        dilation=1, activation="silu")),
    "conv_transpose2d": ("conv_transpose", dict(
        input=normal(2, 4, 5, 4), weight=normal(4, 6, 3, 3), bias=normal(6), stride=1, padding=1, output_padding=0,
        groups=1, dilation=1, activation=None)),
    "conv_transpose3d": ("conv_transpose", dict(
        input=normal(1, 2, 2, 3, 4), weight=normal(2, 3, 2, 2, 2), bias=normal(3), stride=2, padding=0,
        output_padding=0, groups=1, dilation=1, activation=None)),
}
# fmt: on

WRONG = [
    ("conv_transpose1d", "input", normal(4, 9, 1, 1), ValueError, ["(4, 9, 1, 1)"]),
    ("conv_transpose1d", "output_padding", 2, ValueError, ["2"]),
    ("conv_transpose2d", "input", normal(2, 3, 5, 4), ValueError, ["3", "(4, 6, 3, 3)", "4"]),
    ("conv_transpose2d", "input", normal(2, 4, 0, 4), ValueError, ["(2, 4, 0, 4)"]),
    ("conv_transpose2d", "input", np.ones((2, 4, 5, 4), np.int64), TypeError, ["int64"]),
    ("conv_transpose2d", "weight", normal(4, 6, 3), ValueError, ["(4, 6, 3)"]),
    ("conv_transpose2d", "weight", normal(4, 6, 0, 3), ValueError, ["(4, 6, 0, 3)"]),
    ("conv_transpose2d", "weight", normal(4, 6, 3, 3, dtype=np.float64), TypeError, ["float32", "float64"]),
    ("conv_transpose2d", "bias", normal(4), ValueError, ["(4,)", "6"]),
    ("conv_transpose2d", "bias", normal(6, dtype=np.float16), TypeError, ["float16", "float32"]),
    ("conv_transpose2d", "stride", 0, ValueError, ["0"]),
    ("conv_transpose2d", "stride", (1, 1, 1), ValueError, ["(1, 1, 1)"]),
    ("conv_transpose2d", "stride", 1.5, TypeError, ["1.5"]),
    ("conv_transpose2d", "stride", 2**62, ValueError, [str(2**62)]),
    ("conv_transpose2d", "padding", -1, ValueError, ["-1"]),
    ("conv_transpose2d", "padding", 4, ValueError, ["4"]),
    ("conv_transpose2d", "padding", "same", TypeError, ["same"]),
    ("conv_transpose2d", "output_padding", 1, ValueError, ["1"]),
    ("conv_transpose2d", "output_padding", -1, ValueError, ["-1"]),
    ("conv_transpose2d", "dilation", 0, ValueError, ["0"]),
    ("conv_transpose2d", "dilation", 2**62, ValueError, [str(2**62)]),
    ("conv_transpose2d", "groups", 0, ValueError, ["0"]),
    ("conv_transpose2d", "groups", 3, ValueError, ["3", "4"]),
    ("conv_transpose2d", "groups", 2**63, ValueError, [str(2**63)]),
    ("conv_transpose2d", "activation", "softmax", ValueError, ["softmax"]),
]
