"""Cases small enough for finite differences: op, how its inputs are drawn, parameters."""

from . import activations, losses, normalization, pooling, products, random

CASES = [case for family in (products, pooling, normalization, activations, losses, random) for case in family.CASES]

__all__ = ["CASES"]
