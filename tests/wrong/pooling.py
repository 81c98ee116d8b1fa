"""Pooling called right and wrong."""

import numpy as np

from .values import normal

# fmt: off
RIGHT = {
    "max_pool1d": ("max_pool", dict(
        input=normal(2, 3, 9), kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False, return_indices=True)),
    "max_pool2d": ("max_pool", dict(
        input=normal(2, 3, 9, 8), kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False,
        return_indices=False)),
    "avg_pool1d": ("avg_pool", dict(
        input=normal(2, 3, 9), kernel_size=3, stride=2, padding=1, ceil_mode=False, count_include_pad=True)),
    "avg_pool2d": ("avg_pool", dict(
        input=normal(2, 3, 9, 8), kernel_size=2, stride=2, padding=0, ceil_mode=False, count_include_pad=True,
        divisor_override=None)),
    "adaptive_avg_pool2d": ("adaptive_avg_pool", dict(input=normal(2, 3, 9, 8), output_size=(2, None))),
    "adaptive_max_pool2d": ("adaptive_max_pool", dict(
        input=normal(2, 3, 9, 8), output_size=3, return_indices=False)),
}
# fmt: on

WRONG = [
    ("max_pool1d", "padding", 2, ValueError, ["2"]),
    ("max_pool1d", "kernel_size", 0, ValueError, ["0"]),
    ("max_pool1d", "dilation", 6, ValueError, ["6"]),
    ("max_pool2d", "input", normal(9, 8), ValueError, ["(9, 8)"]),
    ("max_pool2d", "input", normal(2, 3, 0, 8), ValueError, ["(2, 3, 0, 8)"]),
    ("max_pool2d", "input", np.ones((2, 3, 9, 8), np.int64), TypeError, ["int64"]),
    ("max_pool2d", "kernel_size", (2, 2, 2), ValueError, ["(2, 2, 2)"]),
    ("max_pool2d", "kernel_size", -1, ValueError, ["-1"]),
    ("max_pool2d", "kernel_size", 10, ValueError, ["10"]),
    ("max_pool2d", "kernel_size", 2**62, ValueError, [str(2**62)]),
    ("max_pool2d", "kernel_size", "2", TypeError, ["'2'"]),
    ("max_pool2d", "stride", 0, ValueError, ["0"]),
    ("max_pool2d", "padding", -1, ValueError, ["-1"]),
    ("max_pool2d", "padding", 2, ValueError, ["2"]),
    ("max_pool2d", "dilation", 0, ValueError, ["0"]),
    ("avg_pool1d", "padding", 2, ValueError, ["2"]),
    ("avg_pool1d", "kernel_size", 0, ValueError, ["0"]),
    ("avg_pool1d", "kernel_size", 12, ValueError, ["12", "11"]),
    ("avg_pool2d", "input", normal(9, 8), ValueError, ["(9, 8)"]),
    ("avg_pool2d", "input", normal(2, 3, 0, 8), ValueError, ["(2, 3, 0, 8)"]),
    ("avg_pool2d", "input", np.ones((2, 3, 9, 8), np.int64), TypeError, ["int64"]),
    ("avg_pool2d", "kernel_size", (2, 2, 2), ValueError, ["(2, 2, 2)"]),
    ("avg_pool2d", "kernel_size", "2", TypeError, ["'2'"]),
    ("avg_pool2d", "stride", 0, ValueError, ["0"]),
    ("avg_pool2d", "stride", 2**62, ValueError, [str(2**62)]),
    ("avg_pool2d", "padding", -1, ValueError, ["-1"]),
    ("avg_pool2d", "divisor_override", 0, ValueError, ["0"]),
    ("avg_pool2d", "divisor_override", 1.5, TypeError, ["1.5"]),
    ("avg_pool2d", "divisor_override", 2**64, ValueError, [str(2**64)]),
    ("adaptive_avg_pool2d", "input", normal(9, 8), ValueError, ["(9, 8)"]),
    ("adaptive_avg_pool2d", "input", normal(2, 3, 9, 0), ValueError, ["(2, 3, 9, 0)"]),
    ("adaptive_avg_pool2d", "output_size", -1, ValueError, ["-1"]),
    ("adaptive_avg_pool2d", "output_size", (3,), ValueError, ["(3,)"]),
    ("adaptive_avg_pool2d", "output_size", (1, 2, 3), ValueError, ["(1, 2, 3)"]),
    ("adaptive_avg_pool2d", "output_size", 2.0, TypeError, ["2.0"]),
    ("adaptive_avg_pool2d", "output_size", 2**40, ValueError, [str(2**40)]),
    ("adaptive_avg_pool2d", "output_size", 2**31, ValueError, [str(2**31)]),
    ("adaptive_max_pool2d", "input", normal(2, 3, 9, 0), ValueError, ["(2, 3, 9, 0)"]),
    ("adaptive_max_pool2d", "output_size", (None, -2), ValueError, ["-2"]),
]
