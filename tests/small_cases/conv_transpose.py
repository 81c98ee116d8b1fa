"""Small cases of conv_transpose: op, inputs (drawn), parameters."""

from .draw import normal
from .products import FUSED

CASES = [
    *[("conv_transpose", (normal(2, 4, 3), normal(4, 3, 3), normal(6)), ((2,), (1,), (1,), 2, (1,), f)) for f in FUSED],
    ("conv_transpose", (normal(2, 3, 2, 3), normal(3, 2, 2, 3), normal(2)), ((2, 1), (0, 1), (1, 0), 1, (1, 2), None)),
    ("conv_transpose", (normal(1, 2, 2, 1, 3), normal(2, 2, 2, 1, 2), None),
     ((1, 2, 3), (1, 0, 0), (0, 1, 2), 2, (2, 1, 1), "gelu")),
    ("conv_transpose", (normal(3, 2, 2), normal(3, 1, 3, 3), normal(3)), ((2, 2), (1, 1), (0, 0), 3, (1, 1), "tanh")),
    ("conv_transpose", (normal(0, 2, 5), normal(2, 3, 3), normal(3)), ((1,), (1,), (0,), 1, (1,), None)),
    ("conv_transpose", (normal(2, 0, 5), normal(0, 3, 3), normal(3)), ((1,), (1,), (0,), 1, (1,), None)),
]  # fmt: skip
