"""What defective kernels would compute, by family; `FORWARD` and `BACKWARD` list them all."""

from . import activations, embedding, losses, optimizers, pooling, products, random, softmax
from .registry import BACKWARD, FORWARD, SINGLE_AND_DOUBLE, as_tuple

__all__ = [
    "BACKWARD",
    "FORWARD",
    "SINGLE_AND_DOUBLE",
    "activations",
    "as_tuple",
    "embedding",
    "losses",
    "optimizers",
    "pooling",
    "products",
    "random",
    "softmax",
]
