"""Cases small enough for finite differences: op, how its inputs are drawn, parameters."""

from . import activations, losses, pooling, products, random, recurrent

CASES = [case for family in (products, pooling, activations, losses, random, recurrent) for case in family.CASES]

__all__ = ["CASES"]
