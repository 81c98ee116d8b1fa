"""Softmax and its logarithm."""

from __future__ import annotations

import warnings
from typing import Any

from ..backends import ops, renamed
from ..placement import name_of

__all__ = ["log_softmax", "softmax"]

_softmax = ops.softmax


def _implicit_dim(function: str, input: Any, stacklevel: int) -> int:
    """The dimension that torch chooses where none is given, with its warning."""
    warnings.warn(
        f"Implicit dimension choice for {function} has been deprecated. "
        "Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if getattr(input, "ndim", 0) in (0, 1, 3) else 1


def _dtype(function: str, dtype: Any) -> str | None:
    if dtype is None:
        return None
    try:
        return name_of(dtype)
    except TypeError:
        raise TypeError(f"{function}: dtype must be a dtype or its name, got {dtype!r}") from None


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """Return ``exp(input) / Σ exp(input)`` along a dimension, formed from ``input − max input``.

    Parameters
    ----------
    input : array, any shape
        float32, bfloat16, float16 or float64; channels-last strides are kept.
    dim : int
        The dimension of the sum, which negative numbers count from the end. None is deprecated, as in torch: with a
        warning, 0 for arrays of 0, 1 or 3 dimensions and 1 for others.
    _stacklevel : int
        Of that warning.
    dtype : dtype or str, optional
        The floating dtype that the input is converted to first, and that of the result.

    Returns
    -------
    array of the input's shape

    Raises
    ------
    TypeError
        `input` is no floating array, or `dim` no integer.
    ValueError
        `input` has no dimension `dim`, or `dtype` is not served.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.softmax(np.zeros((2, 4)), dim=1)[0]
    array([0.25, 0.25, 0.25, 0.25])
    """
    if dim is None:
        dim = _implicit_dim("softmax", input, _stacklevel)
    return _softmax(input, dim, False, _dtype("softmax", dtype))


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """Return the logarithm of `softmax`, ``input − log Σ exp(input)``, without forming the softmax.

    Parameters
    ----------
    input : array, any shape
        float32, bfloat16, float16 or float64; channels-last strides are kept.
    dim : int
        The dimension of the sum, which negative numbers count from the end. None is deprecated, as in torch: with a
        warning, 0 for arrays of 0, 1 or 3 dimensions and 1 for others.
    _stacklevel : int
        Of that warning.
    dtype : dtype or str, optional
        The floating dtype that the input is converted to first, and that of the result.

    Returns
    -------
    array of the input's shape

    Raises
    ------
    TypeError
        `input` is no floating array, or `dim` no integer.
    ValueError
        `input` has no dimension `dim`, or `dtype` is not served.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.log_softmax(np.zeros((1, 4)), dim=1).round(4)
    array([[-1.3863, -1.3863, -1.3863, -1.3863]])
    """
    if dim is None:
        dim = _implicit_dim("log_softmax", input, _stacklevel)
    try:
        return _softmax(input, dim, True, _dtype("log_softmax", dtype))
    except (TypeError, ValueError) as error:
        raise renamed(error, "log_softmax") from None
