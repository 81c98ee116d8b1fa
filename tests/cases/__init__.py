"""What every op is tried on, as data, and how far from its reference it may be.

Shared by the tests, by ``fastnets verify`` and by the benchmarks.
"""

from . import activations, convolution, linear, losses, optimizers, pooling, random, tolerances
from .case import FLOATS, Case, numpy_dtype, state_dtype

CASES = {
    "linear": linear.CASES,
    "conv": convolution.CASES,
    "max_pool": pooling.CASES,
    "activation": activations.CASES,
    "cross_entropy": losses.CASES,
    "dropout": random.CASES,
    "adamw": optimizers.CASES,
}

__all__ = ["CASES", "FLOATS", "Case", "numpy_dtype", "state_dtype", "tolerances"]
