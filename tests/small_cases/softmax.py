"""Small cases of softmax: op, inputs (drawn), parameters."""

from .draw import normal

SOFTMAX = [
    case
    for log in (False, True)
    for case in [
        ("softmax", (normal(3, 5),), (1, log, None)),
        ("softmax", (normal(3, 5),), (0, log, None)),
        ("softmax", (normal(2, 4, 3),), (-2, log, "float64")),
        ("softmax", (normal(4),), (0, log, None)),
        ("softmax", (normal(),), (-1, log, None)),
        ("softmax", (normal(0, 3),), (1, log, None)),
    ]
]
CASES = [*SOFTMAX]
