"""Activations and softmax as layers. `inplace` is torch's argument: it is accepted, and the result is a new array."""

from __future__ import annotations

from functools import partial
from typing import Any

from .. import functional as F
from . import arguments
from .module import Module
from .tree import Array

__all__ = ["ELU", "GELU", "LeakyReLU", "LogSoftmax", "ReLU", "SiLU", "Sigmoid", "Softmax", "Tanh"]


class ReLU(Module):
    """``y = max(x, 0)``, elementwise; `inplace` is accepted and makes no difference.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.ReLU()(np.float32([-1, 2])).tolist()
    [0.0, 2.0]
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def operation(self, input: Array) -> partial[Any]:
        return partial(F.relu, input)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class GELU(Module):
    """``y = x Φ(x)``, elementwise, where Φ is the standard normal distribution.

    Parameters
    ----------
    approximate : "none" or "tanh"
        "tanh" replaces Φ(x) by ``½ (1 + tanh(√(2/π) (x + 0.044715 x³)))``.

    References
    ----------
    Hendrycks, Gimpel: Gaussian Error Linear Units, 2016, https://arxiv.org/abs/1606.08415

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.GELU()(np.float32([0, 100])).tolist()
    [0.0, 100.0]
    """

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU: approximate is {approximate!r} but 'none' or 'tanh' is expected")
        self.approximate = approximate

    def operation(self, input: Array) -> partial[Any]:
        return partial(F.gelu, input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """``y = x / (1 + exp(-x))``, elementwise; `inplace` is accepted and makes no difference.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.SiLU()(np.float32([0, 100])).tolist()
    [0.0, 100.0]
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def operation(self, input: Array) -> partial[Any]:
        return partial(F.silu, input)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Tanh(Module):
    """``y = tanh(x)``, elementwise.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.Tanh()(np.float32([0, 100])).tolist()
    [0.0, 1.0]
    """

    def operation(self, input: Array) -> partial[Any]:
        return partial(F.tanh, input)


class Sigmoid(Module):
    """``y = 1 / (1 + exp(-x))``, elementwise.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.Sigmoid()(np.float32([0, 100])).tolist()
    [0.5, 1.0]
    """

    def operation(self, input: Array) -> partial[Any]:
        return partial(F.sigmoid, input)


class LeakyReLU(Module):
    """``y = x`` where x is positive and ``negative_slope · x`` elsewhere, elementwise.

    Parameters
    ----------
    negative_slope : float
        Slope below zero.
    inplace : bool
        Accepted; makes no difference.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.LeakyReLU(0.5)(np.float32([-1, 2])).tolist()
    [-0.5, 2.0]
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope = negative_slope
        self.inplace = inplace

    def operation(self, input: Array) -> partial[Any]:
        return partial(F.leaky_relu, input, negative_slope=self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class ELU(Module):
    """``y = x`` where x is positive and ``alpha (exp(x) - 1)`` elsewhere, elementwise.

    Parameters
    ----------
    alpha : float
        Minus the limit at -∞.
    inplace : bool
        Accepted; makes no difference.

    References
    ----------
    Clevert, Unterthiner, Hochreiter: Fast and Accurate Deep Network Learning by Exponential Linear Units, 2015,
    https://arxiv.org/abs/1511.07289

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.ELU()(np.float32([-100, 2])).tolist()
    [-1.0, 2.0]
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha = alpha
        self.inplace = inplace

    def operation(self, input: Array) -> partial[Any]:
        return partial(F.elu, input, alpha=self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class _AlongDimension(Module):
    """What softmax and its logarithm share."""

    def __init__(self, dim: int | None = None) -> None:
        self.dim = None if dim is None else arguments.integer(type(self).__name__, "dim", dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongDimension):
    """``y = exp(x) / Σ exp(x)`` along one dimension.

    Parameters
    ----------
    dim : int
        The dimension of the sum; without it torch's choice, with its warning: see `fastnets.functional.softmax`.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.Softmax(dim=1)(np.zeros((1, 2), np.float32)).tolist()
    [[0.5, 0.5]]
    """

    def operation(self, input: Array) -> partial[Any]:
        return partial(F.softmax, input, self.dim)


class LogSoftmax(_AlongDimension):
    """``y = x − log Σ exp(x)`` along one dimension, the logarithm of `Softmax`.

    Parameters
    ----------
    dim : int
        As in `Softmax`.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.LogSoftmax(dim=1)(np.zeros((1, 1), np.float32)).tolist()
    [[0.0]]
    """

    def operation(self, input: Array) -> partial[Any]:
        return partial(F.log_softmax, input, self.dim)
