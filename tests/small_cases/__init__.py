"""Cases small enough for finite differences: op, how its inputs are drawn, parameters."""

from . import activations, conv_transpose, losses, pooling, products, random

CASES = [case for family in (products, conv_transpose, pooling, activations, losses, random) for case in family.CASES]

__all__ = ["CASES"]
