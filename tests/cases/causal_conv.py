"""Cases of causal_conv1d: input (N, C, L), weight (C, K), bias, initial state (N, C, K − 1); activation, flag."""

from .case import Array, Case


def _case(N, C, L, K, *, bias=True, state=False, activation=None, final=False, layouts=None):
    layouts = layouts or {}
    shapes = {
        "input": (N, C, L),
        "weight": (C, K),
        "bias": (C,) if bias else None,
        "initial_state": (N, C, K - 1) if state else None,
    }
    scale = {"weight": K**-0.5}  # sums of order 1, where activations bend
    inputs = [None if s is None else Array(s, layouts.get(n, "contiguous"), scale.get(n, 1)) for n, s in shapes.items()]
    return Case("causal_conv1d", tuple(inputs), (activation, final))


_CHANNELS_LAST = {"input": "channels_last"}

CASES = [
    # kernels of all sizes, series shorter than the kernel, as long, longer
    _case(1, 1, 1, 1, bias=False),
    _case(2, 3, 17, 1, state=True, final=True),
    _case(2, 5, 33, 2),
    _case(2, 7, 65, 3, state=True, final=True),
    _case(3, 17, 37, 4, state=True, final=True, activation="silu"),
    _case(3, 17, 37, 4, state=True, final=True, activation="silu", layouts=_CHANNELS_LAST),
    _case(2, 9, 2, 4, state=True, final=True),  # the final state holds a part of the initial one
    _case(2, 9, 2, 4, final=True, layouts=_CHANNELS_LAST),
    _case(2, 33, 1, 4, state=True, final=True, activation="silu"),  # decoding
    _case(2, 5, 3, 4, state=True),
    _case(2, 5, 4, 4, final=True),
    _case(2, 5, 11, 7, state=True, final=True),
    _case(1, 3, 700, 600, state=True, final=True, bias=False),  # a sum of more than 512 terms
    _case(1, 3, 500, 600, state=True, final=True, layouts=_CHANNELS_LAST),
    _case(1, 2, 2100, 4, state=True, final=True),  # more than one piece
    _case(1, 3, 2100, 9, layouts=_CHANNELS_LAST),
    _case(1, 531, 9, 3, final=True, layouts=_CHANNELS_LAST),
    _case(1, 69, 34, 2, state=True, layouts=_CHANNELS_LAST),
    # empty
    _case(0, 3, 5, 4, state=True, final=True),
    _case(2, 3, 0, 4, state=True, final=True),
    _case(2, 0, 5, 4),
    # epilogues
    _case(2, 9, 21, 4, activation="relu"),
    _case(2, 9, 21, 4, state=True, activation="gelu", layouts=_CHANNELS_LAST),
    _case(2, 9, 21, 3, bias=False, activation="gelu_tanh"),
    _case(2, 9, 21, 3, final=True, activation="tanh"),
    _case(2, 9, 21, 5, final=True, activation="sigmoid", layouts=_CHANNELS_LAST),
    # layouts
    _case(3, 7, 21, 4, state=True, final=True,
          layouts={"input": "transposed", "weight": "transposed", "initial_state": "transposed"}),
    _case(3, 7, 21, 4, state=True, layouts={"input": "rows", "weight": "rows", "initial_state": "channels_last"}),
    _case(3, 7, 21, 4, state=True, layouts={"input": "strided", "bias": "strided", "initial_state": "rows"}),
    _case(3, 7, 21, 4, state=True, final=True,
          layouts={"input": "negative", "weight": "negative", "bias": "negative", "initial_state": "negative"}),
    _case(3, 7, 21, 4, state=True, layouts={"input": "broadcast", "initial_state": "broadcast"}),
    _case(3, 7, 21, 4, layouts={"input": "offset", "weight": "readonly", "bias": "offset"}),
]  # fmt: skip

LARGE = [  # enough for several threads to have work
    _case(3, 67, 1031, 4, state=True, final=True, activation="silu"),
    _case(3, 131, 517, 4, state=True, final=True, activation="silu", layouts=_CHANNELS_LAST),
]

BATCHED = [  # of independent parts along the first dimension
    _case(5, 17, 43, 4, activation="silu"),
    _case(5, 17, 43, 4, activation="silu", layouts=_CHANNELS_LAST),
]
