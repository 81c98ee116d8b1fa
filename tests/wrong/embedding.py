"""Embedding called right and wrong."""

import numpy as np

from .values import normal

# fmt: off
RIGHT = {
    "embedding": ("embedding", dict(
        input=np.array([[0, 3, 1]]), weight=normal(4, 5), padding_idx=-1, max_norm=None, norm_type=2.0,
        scale_grad_by_freq=True, sparse=False)),
}
# fmt: on

WRONG = [
    ("embedding", "input", np.array([0, 4, 1]), ValueError, ["4"]),
    ("embedding", "input", np.array([0, -1, 1]), ValueError, ["-1"]),
    ("embedding", "input", np.array([0, -(2**63), 1]), ValueError, [str(-(2**63))]),
    ("embedding", "input", np.array([0, 1, 9], np.int32)[::2], ValueError, ["9"]),
    ("embedding", "input", normal(3), TypeError, ["float32"]),
    ("embedding", "input", np.array([True, False]), TypeError, ["bool"]),
    ("embedding", "input", np.zeros((1,) * 8, np.int64), ValueError, ["8"]),
    ("embedding", "weight", normal(4), ValueError, ["(4,)"]),
    ("embedding", "weight", np.ones((4, 5), np.int64), TypeError, ["int64"]),
    ("embedding", "padding_idx", 4, ValueError, ["4", "(4, 5)"]),
    ("embedding", "padding_idx", -5, ValueError, ["-5"]),
    ("embedding", "padding_idx", 1.0, TypeError, ["1.0"]),
    ("embedding", "padding_idx", 2**64, ValueError, [str(2**64)]),
    ("embedding", "max_norm", 1.0, ValueError, ["1.0"]),
    ("embedding", "sparse", True, ValueError, ["True"]),
    ("embedding", "scale_grad_by_freq", 1, TypeError, ["1"]),
]
