"""Small cases of rotary_embedding: op, inputs (drawn), parameters."""

from .draw import labels, normal

CASES = [
    ("rotary_embedding", (normal(2, 3, 4), labels(50, 3)), (10000.0, False, -1)),
    ("rotary_embedding", (normal(2, 3, 5), labels(50, 2, 3)), (500.0, True, 4)),
    ("rotary_embedding", (normal(3, 5), labels(50, 1)), (10000.0, False, 2)),
    ("rotary_embedding", (normal(0, 4), labels(50, 0)), (10000.0, True, -1)),
]
