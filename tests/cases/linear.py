"""Cases of linear: input (…, K), weight (N, K), bias, residual; activation."""

from .case import Array, Case


def _case(leading, K, N, *, bias=True, residual=False, activation=None, layouts=None):
    layouts = layouts or {}
    shapes = {
        "input": (*leading, K),
        "weight": (N, K),
        "bias": (N,) if bias else None,
        "residual": (*leading, N) if residual else None,
    }
    scale = {"weight": max(K, 1) ** -0.5}  # sums of order 1, where activations bend
    inputs = [None if s is None else Array(s, layouts.get(n, "contiguous"), scale.get(n, 1)) for n, s in shapes.items()]
    return Case("linear", tuple(inputs), (activation,))


CASES = [
    # sizes around the register tiles (6 × 16, 14 × 32), the vectors and the chains of 512 terms
    _case((1,), 1, 1, bias=False),
    _case((), 5, 3),
    _case((3,), 7, 17),
    _case((15,), 33, 65, bias=False),
    _case((129,), 65, 34),
    _case((2, 3, 2), 129, 31),
    _case((33,), 2000, 65),
    _case((7,), 513, 97, bias=False),
    _case((1,), 1025, 258),  # a row: matrix times vector
    _case((257,), 130, 1),
    _case((57,), 300, 129, bias=False),  # several tiles of everything
    # lines of whole 16 bytes, which bulk copies of GPUs bring: several tiles, more than a chain, both orders
    _case((136,), 72, 200),
    _case((2, 24), 520, 136, residual=True, activation="gelu"),
    _case((40,), 64, 24, bias=False, layouts={"input": "transposed", "weight": "transposed"}),
    _case((24,), 72, 16, layouts={"input": "offset", "weight": "offset"}),
    # empty
    _case((0,), 7, 5),
    _case((5,), 0, 3, residual=True),
    _case((5,), 3, 0),
    _case((2, 0, 3), 4, 5, bias=False),
    # epilogues
    _case((17,), 65, 33, bias=False, residual=True),
    _case((17,), 33, 65, activation="relu"),
    _case((9,), 7, 17, bias=False, activation="silu"),
    _case((2, 15), 17, 33, residual=True, activation="relu"),
    _case((17,), 65, 33, residual=True, activation="gelu"),
    _case((17,), 65, 33, residual=True, activation="gelu_tanh"),
    _case((17,), 65, 33, residual=True, activation="silu"),
    _case((17,), 65, 33, residual=True, activation="tanh"),
    _case((17,), 65, 33, residual=True, activation="sigmoid"),
    # layouts
    _case((33,), 65, 17, layouts={"input": "transposed"}),
    _case((33,), 65, 17, layouts={"weight": "transposed"}),
    _case((2, 17), 65, 33, residual=True, layouts={"input": "transposed", "residual": "transposed"}),
    _case((33,), 65, 17, residual=True, layouts={"input": "rows", "weight": "rows", "residual": "rows"}),
    _case((3, 5), 65, 17, layouts={"input": "strided", "weight": "strided", "bias": "strided"}),
    _case((33,), 65, 17, residual=True, activation="gelu",
          layouts={"input": "negative", "weight": "negative", "bias": "negative", "residual": "negative"}),
    _case((4, 9), 65, 17, residual=True, layouts={"input": "broadcast", "residual": "broadcast"}),
    _case((9,), 65, 17, layouts={"weight": "broadcast"}),
    _case((17,), 129, 33, layouts={"input": "offset", "weight": "offset", "bias": "offset"}),
    _case((9,), 33, 17, layouts={"input": "readonly", "weight": "readonly", "bias": "readonly"}),
]  # fmt: skip

# fmt: off
LARGE = [  # enough for several threads to have work
    Case("linear", (Array((259, 530)), Array((391, 530)), Array((391,)), Array((259, 391))), ("gelu",)),
        Case("linear", (Array((1, 2050)), Array((1027, 2050)), None, None), (None,)),
        Case("linear", (Array((2051, 17)), Array((5, 17)), Array((5,)), None), (None,)),
]

BATCHED = [  # of independent parts along the first dimension
    Case("linear", (Array((150, 40)), Array((72, 40)), Array((72,)), None), (None,)),
    Case("linear", (Array((37, 129)), Array((65, 129)), Array((65,)), Array((37, 65))), ("gelu",)),
    Case("linear", (Array((300, 33)), Array((17, 33)), None, None), (None,)),
]
# fmt: on
