"""Mutants of activation."""

import numpy as np

from fastnets import reference

from .registry import SINGLE_AND_DOUBLE, mutant, mutant_backward


@mutant("activation", SINGLE_AND_DOUBLE)  # 5e-4 apart: about a rounding of half precision
def gelu_taken_for_gelu_tanh(x, kind, alpha):
    other = {"gelu": "gelu_tanh", "gelu_tanh": "gelu"}.get(kind)
    return None if other is None else reference.activation(x, other, alpha)


@mutant("activation", SINGLE_AND_DOUBLE)
def expm1_by_subtraction(x, kind, alpha):
    if kind != "elu":
        return None
    e = np.exp(x).astype(np.float32 if np.abs(x).max() > 1e-3 else np.float64).astype(np.float64)
    return np.where(x > 0, x, alpha * (e - 1))


@mutant("activation")
def alpha_ignored(x, kind, alpha):
    return reference.activation(x, kind, 0.01) if kind in ("leaky_relu", "elu") else None


@mutant("activation")
def silu_without_its_factor(x, kind, alpha):
    return reference.activation(x, "sigmoid", alpha) if kind == "silu" else None


@mutant_backward("activation")
def derivative_of_the_output(dy, x, kind, alpha):
    return reference.activation_backward(dy, reference.activation(x, kind, alpha), kind, alpha)
