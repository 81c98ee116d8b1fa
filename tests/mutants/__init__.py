"""What defective kernels would compute, by family; `FORWARD` and `BACKWARD` list them all."""

from . import activations, losses, optimizers, pooling, products, random, recurrent
from .registry import BACKWARD, FORWARD, SINGLE_AND_DOUBLE, as_tuple

__all__ = [
    "BACKWARD",
    "FORWARD",
    "SINGLE_AND_DOUBLE",
    "activations",
    "as_tuple",
    "losses",
    "optimizers",
    "pooling",
    "products",
    "random",
    "recurrent",
]
