"""What every op is tried on, as data, and how far from its reference it may be.

Shared by the tests, by ``fastnets verify`` and by the benchmarks.
"""

from . import activations, convolution, linear, losses, optimizers, pooling, random, recurrent, tolerances
from .case import FLOATS, Case, numpy_dtype, state_dtype

CASES = {
    "linear": linear.CASES,
    "conv": convolution.CASES,
    "max_pool": pooling.CASES,
    "recurrent": recurrent.CASES,
    "activation": activations.CASES,
    "cross_entropy": losses.CASES,
    "dropout": random.CASES,
    "adamw": optimizers.CASES,
}

_FAMILIES = (linear, convolution, pooling, activations, losses, random, optimizers, recurrent)
LARGE = [case for family in _FAMILIES for case in family.LARGE]
BATCHED = [case for family in _FAMILIES for case in getattr(family, "BATCHED", ())]

__all__ = ["BATCHED", "CASES", "FLOATS", "LARGE", "Case", "numpy_dtype", "state_dtype", "tolerances"]
