"""Softmax called right and wrong."""

import numpy as np

from .values import normal

# fmt: off
RIGHT = {
    "softmax": ("softmax", dict(input=normal(3, 4), dim=1)),
    "log_softmax": ("softmax", dict(input=normal(3, 4), dim=-1, dtype="float32")),
}
# fmt: on

WRONG = [
    row
    for name in ("softmax", "log_softmax")
    for row in [
        (name, "dim", 2, ValueError, ["2", "(3, 4)"]),
        (name, "dim", -3, ValueError, ["-3"]),
        (name, "dim", 2**64, ValueError, [str(2**64)]),
        (name, "dim", 1.0, TypeError, ["1.0"]),
        (name, "dim", "1", TypeError, ["'1'"]),
        (name, "input", np.ones((3, 4), np.int64), TypeError, ["int64"]),
        (name, "dtype", "int32", ValueError, ["int32", "float32"]),
        (name, "dtype", np.complex64, ValueError, ["complex64"]),
        (name, "dtype", 3.5, TypeError, ["3.5"]),
    ]
]
