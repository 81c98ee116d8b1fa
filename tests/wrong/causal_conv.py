"""Causal convolution called right and wrong."""

import numpy as np

from .values import normal

# fmt: off
RIGHT = {
    "causal_conv1d": ("causal_conv1d", dict(
        input=normal(2, 5, 9), weight=normal(5, 4), bias=normal(5), activation="silu", initial_state=normal(2, 5, 3),
        return_final_state=False)),
}
# fmt: on

WRONG = [
    ("causal_conv1d", "input", normal(5, 9), ValueError, ["(5, 9)"]),
    ("causal_conv1d", "input", normal(2, 4, 9), ValueError, ["(2, 4, 9)", "(5, 4)"]),
    ("causal_conv1d", "input", np.ones((2, 5, 9), np.int64), TypeError, ["int64"]),
    ("causal_conv1d", "weight", normal(5), ValueError, ["(5,)"]),
    ("causal_conv1d", "weight", normal(5, 1, 4), ValueError, ["(5, 1, 4)"]),
    ("causal_conv1d", "weight", normal(5, 0), ValueError, ["(5, 0)"]),
    ("causal_conv1d", "weight", normal(5, 4, dtype=np.float64), TypeError, ["float32", "float64"]),
    ("causal_conv1d", "bias", normal(4), ValueError, ["(4,)", "(5,)"]),
    ("causal_conv1d", "bias", normal(5, dtype=np.float16), TypeError, ["float16", "float32"]),
    ("causal_conv1d", "initial_state", normal(2, 5, 4), ValueError, ["(2, 5, 4)", "(2, 5, 3)"]),
    ("causal_conv1d", "initial_state", normal(5, 3), ValueError, ["(5, 3)", "(2, 5, 3)"]),
    ("causal_conv1d", "activation", "swish", ValueError, ["swish", "silu"]),
    ("causal_conv1d", "activation", "elu", ValueError, ["elu", "silu"]),
    ("causal_conv1d", "return_final_state", 1, TypeError, ["1"]),
]
