"""Small cases of products: op, inputs (drawn), parameters."""

from .draw import normal

FUSED = [None, "relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid"]
PADDING_MODES = ["zeros", "reflect", "replicate", "circular"]

LINEAR = [
    *[("linear", (normal(2, 3, 4), normal(5, 4), normal(5), normal(2, 3, 5)), (f,)) for f in FUSED],
    ("linear", (normal(4), normal(5, 4), None, None), (None,)),
    ("linear", (normal(3, 4), normal(1, 4), None, normal(3, 1)), ("silu",)),
    ("linear", (normal(0, 4), normal(5, 4), normal(5), None), ("relu",)),
    ("linear", (normal(3, 0), normal(5, 0), normal(5), None), ("tanh",)),
    ("linear", (normal(3, 4), normal(0, 4), normal(0), None), (None,)),
]
CONV = [
    *[("conv", (normal(2, 4, 7), normal(6, 2, 3), normal(6), normal(2, 6, 4)),
       ((2,), (1,), (2,), (1,), 2, "zeros", f)) for f in FUSED],
    *[("conv", (normal(2, 3, 5, 6), normal(4, 3, 2, 3), normal(4), None),
       ((2, 1), (2, 1), (1, 3), (1, 2), 1, mode, None)) for mode in PADDING_MODES],
    *[("conv", (normal(1, 2, 3, 4, 5), normal(2, 1, 2, 1, 3), None, None),
       ((1, 2, 1), (1, 0, 2), (0, 1, 1), (2, 1, 1), 2, mode, "gelu")) for mode in PADDING_MODES],
    ("conv", (normal(3, 5, 4), normal(3, 1, 3, 3), normal(3), normal(3, 3, 2)),
     ((2, 2), (1, 1), (1, 1), (1, 1), 3, "zeros", "tanh")),
    ("conv", (normal(0, 2, 5), normal(3, 2, 3), normal(3), None), ((1,), (1,), (1,), (1,), 1, "zeros", None)),
    ("conv", (normal(2, 0, 5), normal(3, 0, 3), normal(3), None), ((1,), (1,), (1,), (1,), 1, "zeros", None)),
]  # fmt: skip
CASES = [*LINEAR, *CONV]
