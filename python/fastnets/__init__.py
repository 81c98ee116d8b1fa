"""Fused kernels for CNNs, RNNs and Transformers, forward and backward, on NumPy, CuPy, PyTorch and JAX arrays.

>>> import numpy as np, fastnets as fn
>>> import fastnets.functional as F
>>> x, weight = np.ones((2, 3), np.float32), np.ones((4, 3), np.float32)
>>> y, backward = fn.vjp(F.linear, x, weight, activation="relu")
>>> dx, dweight = backward(np.ones_like(y))
"""

from . import data, functional, io, models, nn, optim, random, reference
from ._buildinfo import VERSION as __version__
from .autodiff import value_and_grad, vjp
from .backends import use_backend
from .errors import CudaError, CudaOutOfMemoryError
from .information import info
from .settings import (
    cpu_isas,
    num_threads,
    release_memory,
    set_cpu_isa,
    set_float32_precision,
    set_num_threads,
    set_value_checks,
)

__all__ = [
    "CudaError",
    "CudaOutOfMemoryError",
    "__version__",
    "cpu_isas",
    "data",
    "functional",
    "info",
    "io",
    "models",
    "nn",
    "num_threads",
    "optim",
    "random",
    "reference",
    "release_memory",
    "set_cpu_isa",
    "set_float32_precision",
    "set_num_threads",
    "set_value_checks",
    "use_backend",
    "value_and_grad",
    "vjp",
]
