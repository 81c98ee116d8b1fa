"""Small cases of pooling: op, inputs (drawn), parameters."""

from .draw import distinct, normal

MAX_POOL = [
    ("max_pool", (distinct(2, 3, 9),), ((3,), (2,), (1,), (1,), False, False)),
    ("max_pool", (distinct(2, 2, 7, 6),), ((3, 2), (2, 3), (1, 0), (1, 2), True, True)),
    ("max_pool", (distinct(3, 5, 5),), ((2, 3), (3, 3), (1, 1), (1, 1), True, False)),
    ("max_pool", (distinct(1, 2, 4, 5, 6),), ((2, 2, 3), (1, 2, 2), (0, 1, 1), (2, 1, 1), False, True)),
    ("max_pool", (distinct(2, 1, 8),), ((2,), (1,), (1,), (3,), False, True)),
    ("max_pool", (distinct(0, 2, 5),), ((2,), (2,), (0,), (1,), False, True)),
]
AVG_POOL = [
    ("avg_pool", (normal(2, 3, 9),), ((3,), (2,), (1,), False, True, 0)),
    ("avg_pool", (normal(2, 2, 7, 6),), ((3, 2), (2, 3), (1, 0), True, False, 0)),
    ("avg_pool", (normal(3, 5, 5),), ((2, 3), (3, 3), (1, 1), True, True, 0)),
    ("avg_pool", (normal(1, 2, 4, 5, 6),), ((2, 2, 3), (1, 2, 2), (0, 1, 1), False, True, 7)),
    ("avg_pool", (normal(0, 2, 5),), ((2,), (2,), (0,), False, True, 0)),
]
ADAPTIVE = [
    ("adaptive_avg_pool", (normal(2, 3, 9),), ((4,),)),
    ("adaptive_avg_pool", (normal(2, 3, 6, 5),), ((1, 1),)),
    ("adaptive_avg_pool", (normal(2, 3, 2, 5),), ((3, -1),)),
    ("adaptive_avg_pool", (normal(2, 3, 4, 5, 3),), ((2, 3, 2),)),
    ("adaptive_avg_pool", (normal(2, 3, 6, 5),), ((0, 1),)),
    ("adaptive_max_pool", (distinct(2, 3, 6, 5),), ((4, 3), True)),
    ("adaptive_max_pool", (distinct(3, 6, 5),), ((1, 7), False)),
]
CASES = [*MAX_POOL, *AVG_POOL, *ADAPTIVE]
