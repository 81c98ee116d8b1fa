"""Small cases of causal_conv1d: op, inputs (drawn), parameters."""

from .draw import normal
from .products import FUSED

CASES = [
    *[("causal_conv1d", (normal(2, 3, 5), normal(3, 4), normal(3), normal(2, 3, 3)), (f, True)) for f in FUSED],
    ("causal_conv1d", (normal(2, 3, 2), normal(3, 4), None, normal(2, 3, 3)), (None, True)),
    ("causal_conv1d", (normal(2, 3, 2), normal(3, 4), normal(3), None), ("silu", True)),
    ("causal_conv1d", (normal(2, 3, 4), normal(3, 1), None, normal(2, 3, 0)), (None, True)),
    ("causal_conv1d", (normal(2, 3, 0), normal(3, 4), None, normal(2, 3, 3)), (None, True)),
]
