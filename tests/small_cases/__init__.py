"""Cases small enough for finite differences: op, how its inputs are drawn, parameters."""

from . import activations, embedding, losses, pooling, products, random, softmax

CASES = [
    case for family in (products, pooling, activations, softmax, embedding, losses, random) for case in family.CASES
]

__all__ = ["CASES"]
