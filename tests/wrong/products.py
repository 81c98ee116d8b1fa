"""Products called right and wrong."""

import numpy as np

from .values import nan, normal

# fmt: off
RIGHT = {
    "linear": ("linear", dict(
        input=normal(3, 4), weight=normal(5, 4), bias=normal(5), residual=normal(3, 5), activation="relu")),
    "conv1d": ("conv", dict(
        input=normal(2, 4, 9), weight=normal(6, 2, 3), bias=normal(6), stride=2, padding=1, dilation=1, groups=2,
        activation="silu", residual=normal(2, 6, 5), padding_mode="reflect")),
    "conv2d": ("conv", dict(
        input=normal(2, 4, 9, 8), weight=normal(6, 4, 3, 3), bias=normal(6), stride=1, padding=1, dilation=1, groups=1,
        activation=None, residual=normal(2, 6, 9, 8), padding_mode="zeros")),
    "conv3d": ("conv", dict(
        input=normal(1, 2, 4, 4, 4), weight=normal(3, 2, 2, 2, 2), bias=normal(3), stride=1, padding=0, dilation=1,
        groups=1, activation=None, residual=None, padding_mode="zeros")),
}
# fmt: on

WRONG = [
    ("linear", "input", normal(3, 5), ValueError, ["(3, 5)", "(5, 4)", "4"]),
    ("linear", "input", np.ones((), np.float32), ValueError, ["()"]),
    ("linear", "weight", normal(5), ValueError, ["(5,)"]),
    ("linear", "weight", normal(5, 4, 1), ValueError, ["(5, 4, 1)"]),
    ("linear", "weight", normal(5, 4, dtype=np.float64), TypeError, ["float32", "float64", "astype"]),
    ("linear", "bias", normal(4), ValueError, ["(4,)", "5"]),
    ("linear", "bias", normal(1, 5), ValueError, ["(1, 5)", "5"]),
    ("linear", "bias", normal(5, dtype=np.float16), TypeError, ["float16", "float32"]),
    ("linear", "residual", normal(3, 4), ValueError, ["(3, 4)", "(3, 5)"]),
    ("linear", "residual", normal(5), ValueError, ["(5,)", "(3, 5)"]),
    ("linear", "activation", "relu6", ValueError, ["relu6", "gelu"]),
    ("linear", "activation", "leaky_relu", ValueError, ["leaky_relu"]),
    ("linear", "activation", "RELU", ValueError, ["RELU"]),
    ("linear", "activation", 1, TypeError, ["1"]),
    ("linear", "activation", "none", ValueError, ["none"]),
    ("conv1d", "input", normal(4, 9, 1, 1), ValueError, ["(4, 9, 1, 1)"]),
    ("conv1d", "padding", 9, ValueError, ["9", "reflect"]),
    ("conv2d", "input", normal(2, 3, 9, 8), ValueError, ["3", "(6, 4, 3, 3)", "4"]),
    ("conv2d", "input", normal(2, 4, 9), ValueError, ["2", "(6, 4, 3, 3)", "4"]),
    ("conv2d", "weight", normal(6, 4, 3), ValueError, ["(6, 4, 3)"]),
    ("conv2d", "weight", normal(6, 3, 3, 3), ValueError, ["(6, 3, 3, 3)", "4"]),
    ("conv2d", "weight", normal(6, 4, 0, 3), ValueError, ["(6, 4, 0, 3)"]),
    ("conv2d", "weight", normal(6, 4, 12, 3), ValueError, ["12"]),
    ("conv2d", "weight", normal(6, 4, 3, 3, dtype=np.float64), TypeError, ["float32", "float64"]),
    ("conv2d", "bias", normal(5), ValueError, ["(5,)", "6"]),
    ("conv2d", "residual", normal(2, 6, 9, 7), ValueError, ["(2, 6, 9, 7)", "(2, 6, 9, 8)"]),
    ("conv2d", "stride", 0, ValueError, ["0"]),
    ("conv2d", "stride", (1, -1), ValueError, ["-1"]),
    ("conv2d", "stride", (1, 1, 1), ValueError, ["(1, 1, 1)"]),
    ("conv2d", "stride", 1.5, TypeError, ["1.5"]),
    ("conv2d", "stride", "1", TypeError, ["'1'"]),
    ("conv2d", "stride", None, TypeError, ["None"]),
    ("conv2d", "stride", 2**62, ValueError, [str(2**62)]),
    ("conv2d", "stride", 2**70, ValueError, [str(2**70)]),
    ("conv2d", "padding", -1, ValueError, ["-1"]),
    ("conv2d", "padding", "full", ValueError, ["full"]),
    ("conv2d", "padding", nan, TypeError, ["nan"]),
    ("conv2d", "dilation", 0, ValueError, ["0"]),
    ("conv2d", "dilation", 9, ValueError, ["9"]),
    ("conv2d", "dilation", 2**62, ValueError, [str(2**62)]),
    ("conv2d", "groups", 0, ValueError, ["0"]),
    ("conv2d", "groups", -2, ValueError, ["-2"]),
    ("conv2d", "groups", 3, ValueError, ["3"]),
    ("conv2d", "groups", 2**63, ValueError, [str(2**63)]),
    ("conv2d", "groups", 1.0, TypeError, ["1.0"]),
    ("conv2d", "groups", True, TypeError, ["True"]),
    ("conv2d", "padding_mode", "wrap", ValueError, ["wrap", "circular"]),
    ("conv2d", "padding_mode", None, (TypeError, ValueError), ["None"]),
    ("conv2d", "padding_mode", 0, TypeError, ["0"]),
    ("conv2d", "activation", "softmax", ValueError, ["softmax"]),
    ("conv3d", "weight", normal(3, 2, 5, 2, 2), ValueError, ["5"]),
]
