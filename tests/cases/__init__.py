"""What every op is tried on, as data, and how far from its reference it may be.

Shared by the tests, by ``fastnets verify`` and by the benchmarks.
"""

from . import activations, convolution, embedding, linear, losses, optimizers, pooling, random, softmax, tolerances
from .case import FLOATS, Case, numpy_dtype, state_dtype

CASES = {
    "linear": linear.CASES,
    "conv": convolution.CASES,
    "max_pool": pooling.CASES,
    "activation": activations.CASES,
    "softmax": softmax.CASES,
    "embedding": embedding.CASES,
    "cross_entropy": losses.CROSS_ENTROPY,
    "nll_loss": losses.NLL_LOSS,
    "mse_loss": losses.MSE_LOSS,
    "binary_cross_entropy_with_logits": losses.BINARY_CROSS_ENTROPY,
    "dropout": random.CASES,
    "adamw": optimizers.CASES,
}

_FAMILIES = (linear, convolution, pooling, activations, softmax, embedding, losses, random, optimizers)
LARGE = [case for family in _FAMILIES for case in family.LARGE]
BATCHED = [case for family in _FAMILIES for case in getattr(family, "BATCHED", ())]

__all__ = ["BATCHED", "CASES", "FLOATS", "LARGE", "Case", "numpy_dtype", "state_dtype", "tolerances"]
