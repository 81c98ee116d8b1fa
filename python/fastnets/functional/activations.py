"""Elementwise nonlinear functions."""

from __future__ import annotations

from numbers import Real
from typing import Any

from ..backends import ops, renamed

__all__ = ["elu", "gelu", "leaky_relu", "relu", "sigmoid", "silu", "tanh"]

_activation = ops.activation


def _number(function: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{function}: {name} must be a number, got {value!r}")
    return float(value)


def _activate(function: str, input: Any, kind: str, alpha: float) -> Any:
    try:
        return _activation(input, kind, alpha)
    except (TypeError, ValueError) as error:
        raise renamed(error, function) from None


def relu(input: Any, inplace: bool = False) -> Any:
    """Return ``max(input, 0)``.

    Parameters
    ----------
    input : array, any shape
        float32, bfloat16, float16 or float64.
    inplace : bool
        Accepted for torch's sake; the result is a new array all the same.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.relu(np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    return _activate("relu", input, "relu", 0.0)


def gelu(input: Any, approximate: str = "none") -> Any:
    """Return ``input · Φ(input)`` with the standard normal distribution Φ (Hendrycks and Gimpel, 2016).

    Parameters
    ----------
    input : array, any shape
        float32, bfloat16, float16 or float64.
    approximate : {"none", "tanh"}
        "tanh": ``½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))``.

    Raises
    ------
    ValueError
        `approximate` is neither.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.gelu(np.array([0.0, 1.0])).round(4)
    array([0.    , 0.8413])
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate is {approximate!r} but must be 'none' or 'tanh'")
    return _activate("gelu", input, "gelu" if approximate == "none" else "gelu_tanh", 0.0)


def silu(input: Any, inplace: bool = False) -> Any:
    """Return ``input · sigmoid(input)``.

    Parameters
    ----------
    input : array, any shape
        float32, bfloat16, float16 or float64.
    inplace : bool
        Accepted for torch's sake; the result is a new array all the same.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.silu(np.array([0.0, 1.0])).round(4)
    array([0.    , 0.7311])
    """
    return _activate("silu", input, "silu", 0.0)


def tanh(input: Any) -> Any:
    """Return the hyperbolic tangent.

    Parameters
    ----------
    input : array, any shape
        float32, bfloat16, float16 or float64.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.tanh(np.array([0.0, 1.0])).round(4)
    array([0.    , 0.7616])
    """
    return _activate("tanh", input, "tanh", 0.0)


def sigmoid(input: Any) -> Any:
    """Return ``1 / (1 + exp(−input))``.

    Parameters
    ----------
    input : array, any shape
        float32, bfloat16, float16 or float64.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.sigmoid(np.array([0.0, 1.0])).round(4)
    array([0.5   , 0.7311])
    """
    return _activate("sigmoid", input, "sigmoid", 0.0)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """Return ``input`` where it is positive, ``negative_slope · input`` elsewhere.

    Parameters
    ----------
    input : array, any shape
        float32, bfloat16, float16 or float64.
    negative_slope : float
    inplace : bool
        Accepted for torch's sake; the result is a new array all the same.

    Raises
    ------
    ValueError
        `negative_slope` is nan.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.leaky_relu(np.array([-1.0, 2.0]))
    array([-0.01,  2.  ])
    """
    return _activate("leaky_relu", input, "leaky_relu", _number("leaky_relu", "negative_slope", negative_slope))


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """Return ``input`` where it is positive, ``alpha · (exp(input) − 1)`` elsewhere (Clevert et al., 2015).

    Parameters
    ----------
    input : array, any shape
        float32, bfloat16, float16 or float64.
    alpha : float
    inplace : bool
        Accepted for torch's sake; the result is a new array all the same.

    Raises
    ------
    ValueError
        `alpha` is nan.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.elu(np.array([-1.0, 2.0])).round(4)
    array([-0.6321,  2.    ])
    """
    return _activate("elu", input, "elu", _number("elu", "alpha", alpha))
