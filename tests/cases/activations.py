"""Cases of activation: input; kind, alpha."""

from .case import Array, Case, Spread

KINDS = ("relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid", "leaky_relu", "elu")
_SHAPES = [(7, 129), (3, 1, 65, 17)]
_LAYOUTS = ["transposed", "rows", "strided", "negative", "broadcast", "offset", "readonly"]

CASES = [
    *[Case("activation", (Spread(shape),), (kind, 0.3)) for kind in KINDS for shape in _SHAPES],
    *[Case("activation", (Spread((5, 33), layout),), ("gelu", 0.0)) for layout in _LAYOUTS],
    Case("activation", (Spread((2, 9, 5, 7), "channels_last"),), ("silu", 0.0)),
    Case("activation", (Spread((4099,)),), ("elu", 1.0)),
    Case("activation", (Spread((33,)),), ("leaky_relu", -0.5)),
    Case("activation", (Spread((33,)),), ("elu", 0.0)),
    Case("activation", (Spread(()),), ("tanh", 0.0)),
    Case("activation", (Spread((1,)),), ("sigmoid", 0.0)),
    Case("activation", (Spread((0,)),), ("relu", 0.0)),
    Case("activation", (Spread((3, 0, 2)),), ("gelu", 0.0)),
]

# fmt: off
LARGE = [  # enough for several threads to have work
    Case("activation", (Array((513, 257)),), ("gelu_tanh", 0.0)),
]

BATCHED = [  # of independent parts along the first dimension
    Case("activation", (Array((37, 5)),), ("tanh", 0.0)),
]
# fmt: on
