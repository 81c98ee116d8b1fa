"""Cases of softmax: input; dim, log, dtype."""

from .case import Array, Case, Masked


def _case(shape, dim, log, *, layout="contiguous", scale=1.0, cast=None):
    return Case("softmax", (Array(shape, layout, scale),), (dim, log, cast), result=cast)


CASES = [
    case
    for log in (False, True)
    for case in [
        _case((17, 10), 1, log),
        _case((5, 129), -1, log, scale=10.0),  # most of the sum in few terms
        _case((3, 5003), 1, log),  # a vocabulary
        _case((2, 3, 7, 33), 3, log),
        _case((9, 1), 1, log),
        _case((65, 7), 0, log),
        _case((2, 33, 5, 7), 1, log),  # an image's channels
        _case((3, 5, 67), 1, log, scale=10.0),
        _case((2, 1031, 9), 1, log),  # more than a chain
        _case((4, 3, 2, 5), -2, log),
        _case((2, 21, 5, 7), 1, log, layout="channels_last"),
        _case((2, 21, 5, 7), 2, log, layout="channels_last"),
        _case((2, 21, 5, 7), 0, log, layout="channels_last"),
        Case("softmax", (Masked((9, 11)),), (1, log, None)),
        Case("softmax", (Masked((9, 11)),), (0, log, None)),
        _case((7,), 0, log),
        _case((), -1, log),
        _case((0, 5), 1, log),
        _case((5, 0), 1, log),
        _case((3, 0, 4), 1, log),
        # converted first
        _case((9, 33), 1, log, cast="float32"),
        _case((2, 9, 5), 1, log, cast="float64"),
        _case((2, 9, 5), 1, log, cast="bfloat16"),
        _case((2, 9, 5, 3), 1, log, cast="float16", layout="channels_last"),
        # layouts
        *[_case((3, 7, 17), 2, log, layout=each) for each in ("transposed", "rows", "strided", "negative", "offset")],
        *[_case((3, 7, 17), 1, log, layout=each) for each in ("transposed", "rows", "negative", "broadcast")],
        _case((3, 7, 17), 2, log, layout="broadcast"),
    ]
]

# fmt: off
LARGE = [  # enough for several threads to have work
    Case("softmax", (Array((515, 257)),), (1, False, None)),
    Case("softmax", (Array((5, 33, 1031)),), (1, True, None)),
    Case("softmax", (Array((7, 33, 65, 3), "channels_last"),), (1, False, None)),
]

BATCHED = [  # of independent parts along the first dimension
    Case("softmax", (Array((37, 65)),), (1, False, None)),
    Case("softmax", (Array((9, 7, 33)),), (1, True, None)),
]
# fmt: on
