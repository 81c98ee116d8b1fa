"""What every op is tried on, as data, and how far from its reference it may be.

Shared by the tests, by ``fastnets verify`` and by the benchmarks.
"""

from . import (
    activations,
    causal_conv,
    conv_transpose,
    convolution,
    linear,
    losses,
    optimizers,
    pooling,
    random,
    tolerances,
)
from .case import FLOATS, Case, numpy_dtype, state_dtype

CASES = {
    "linear": linear.CASES,
    "conv": convolution.CASES,
    "conv_transpose": conv_transpose.CASES,
    "causal_conv1d": causal_conv.CASES,
    "max_pool": pooling.CASES,
    "activation": activations.CASES,
    "cross_entropy": losses.CASES,
    "dropout": random.CASES,
    "adamw": optimizers.CASES,
}

_FAMILIES = (linear, convolution, conv_transpose, causal_conv, pooling, activations, losses, random, optimizers)
LARGE = [case for family in _FAMILIES for case in family.LARGE]
BATCHED = [case for family in _FAMILIES for case in getattr(family, "BATCHED", ())]

__all__ = ["BATCHED", "CASES", "FLOATS", "LARGE", "Case", "numpy_dtype", "state_dtype", "tolerances"]
