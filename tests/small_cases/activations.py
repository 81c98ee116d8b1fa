"""Small cases of activations: op, inputs (drawn), parameters."""

from .draw import normal

FUSED = [None, "relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid"]
KINDS = [*FUSED[1:], "leaky_relu", "elu"]

ACTIVATION = [("activation", (normal(3, 5),), (kind, 0.3)) for kind in KINDS] + [
    ("activation", (normal(0, 5),), ("gelu", 0.0)),
    ("activation", (normal(),), ("elu", 2.0)),
]
CASES = [*ACTIVATION]
