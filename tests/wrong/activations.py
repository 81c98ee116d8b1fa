"""Activations called right and wrong."""

from .values import nan, normal

# fmt: off
RIGHT = {
    "gelu": ("activation", dict(input=normal(3, 4))),
    "leaky_relu": ("activation", dict(input=normal(3, 4), negative_slope=0.1)),
    "elu": ("activation", dict(input=normal(3, 4), alpha=0.1)),
}
# fmt: on

WRONG = [
    ("leaky_relu", "negative_slope", "a", TypeError, ["'a'"]),
    ("leaky_relu", "negative_slope", nan, ValueError, ["nan"]),
    ("elu", "alpha", None, TypeError, ["None"]),
    ("elu", "alpha", nan, ValueError, ["nan"]),
]
