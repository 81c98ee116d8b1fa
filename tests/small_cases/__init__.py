"""Cases small enough for finite differences: op, how its inputs are drawn, parameters."""

from . import activations, causal_conv, conv_transpose, losses, pooling, products, random

_FAMILIES = (products, conv_transpose, causal_conv, pooling, activations, losses, random)
CASES = [case for family in _FAMILIES for case in family.CASES]

__all__ = ["CASES"]
