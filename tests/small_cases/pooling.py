"""Small cases of pooling: op, inputs (drawn), parameters."""

from .draw import distinct

MAX_POOL = [
    ("max_pool", (distinct(2, 3, 9),), ((3,), (2,), (1,), (1,), False, False)),
    ("max_pool", (distinct(2, 2, 7, 6),), ((3, 2), (2, 3), (1, 0), (1, 2), True, True)),
    ("max_pool", (distinct(3, 5, 5),), ((2, 3), (3, 3), (1, 1), (1, 1), True, False)),
    ("max_pool", (distinct(1, 2, 4, 5, 6),), ((2, 2, 3), (1, 2, 2), (0, 1, 1), (2, 1, 1), False, True)),
    ("max_pool", (distinct(2, 1, 8),), ((2,), (1,), (1,), (3,), False, True)),
    ("max_pool", (distinct(0, 2, 5),), ((2,), (2,), (0,), (1,), False, True)),
]
CASES = [*MAX_POOL]
