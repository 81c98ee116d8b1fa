"""Small cases of random: op, inputs (drawn), parameters."""

from .draw import normal

DROPOUT = [("dropout", (normal(3, 7),), (p, 5)) for p in (0.0, 0.4, 1.0)]
CASES = [*DROPOUT]
