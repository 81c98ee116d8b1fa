"""Cases of embedding: input, weight (V, D); padding_idx, scale_grad_by_freq."""

from .case import Array, Case, Labels

NONE = -(2**63)


def _case(shape, V, D, *, padding=NONE, by_freq=False, integer="int64", layouts=("contiguous", "contiguous")):
    input = Labels(shape, layouts[0], classes=V, integer=integer)
    return Case("embedding", (input, Array((V, D), layouts[1])), (padding, by_freq))


CASES = [
    _case((17,), 9, 33),
    _case((3, 5), 129, 16, integer="int32"),
    _case((2, 7, 3), 33, 7, padding=0),
    _case((65,), 7, 37, padding=-1),
    _case((65,), 7, 65, padding=3, by_freq=True),
    _case((9, 31), 5, 129, by_freq=True),
    _case((1531,), 2, 67),  # more than a chain, in few rows
    _case((4,), 513, 5),  # most rows are not looked up
    _case((5, 3), 1, 1),
    _case((), 7, 9),
    _case((0,), 7, 9),
    _case((2, 0, 3), 7, 9, padding=2),
    _case((0,), 0, 9),
    _case((5,), 7, 0),
    # layouts
    _case((5, 7), 9, 17, layouts=("transposed", "transposed"), integer="int32"),
    _case((5, 7), 9, 17, layouts=("rows", "rows")),
    _case((5, 7), 9, 17, layouts=("strided", "strided")),
    _case((5, 7), 9, 17, layouts=("negative", "negative"), integer="int32"),
    _case((5, 7), 9, 17, layouts=("readonly", "offset")),
]

LARGE = [  # enough for several threads to have work
    _case((5, 517), 1031, 65),
    _case((2051,), 3, 257),
]
