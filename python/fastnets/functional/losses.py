"""Losses."""

from __future__ import annotations

from typing import Any

from ..backends import ops

__all__ = ["binary_cross_entropy_with_logits", "cross_entropy", "mse_loss", "nll_loss"]

_binary_cross_entropy_with_logits = ops.binary_cross_entropy_with_logits
_cross_entropy = ops.cross_entropy
_mse_loss = ops.mse_loss
_nll_loss = ops.nll_loss


def _refuse_deprecated(function: str, size_average: Any, reduce: Any) -> None:
    if size_average is not None or reduce is not None:
        raise ValueError(f"{function}: size_average and reduce are deprecated and not served; use reduction")


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: None = None,
    ignore_index: int = -100,
    reduce: None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Return the cross entropy of the softmax of `input` and a target.

    For a class index y: ``−weight[y] · log softmax(input)[y]``. With smoothing ε the target is (1 − ε) of that and ε/C
    of every class. "mean" divides by the sum of the targets' weights (for probabilities, by their number).

    Parameters
    ----------
    input : array (N, C, d…) or (C,)
        Logits: float32, bfloat16, float16 or float64.
    target : array (N, d…) or (), int32 or int64; or of input's shape and dtype, probabilities
    weight : array (C,), optional
        Of input's dtype, or float32 beside half precision.
    size_average, reduce : None
        Torch's deprecated arguments; use `reduction`.
    ignore_index : int
        Targets of this value count nothing.
    reduction : {"mean", "sum", "none"}
    label_smoothing : float
        Between 0 and 1.

    Returns
    -------
    array () or, with "none", of the target's shape

    Raises
    ------
    TypeError
        An argument is no array or has a dtype that is not served.
    ValueError
        Shapes do not fit, a target is out of range, or a parameter makes no sense.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.cross_entropy(np.zeros((1, 2)), np.array([0])).round(4)
    np.float64(0.6931)
    """
    _refuse_deprecated("cross_entropy", size_average, reduce)
    return _cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: None = None,
    ignore_index: int = -100,
    reduce: None = None,
    reduction: str = "mean",
) -> Any:
    """Return the negative log-likelihood of labels, ``−weight[y] · input[y]`` for a label y.

    "mean" divides by the sum of the labels' weights; over no sample it is nan.

    Parameters
    ----------
    input : array (N, C, d…) or (C,)
        Log-probabilities: float32, bfloat16, float16 or float64.
    target : array (N, d…) or (), int32 or int64
    weight : array (C,), optional
        Of input's dtype, or float32 beside half precision.
    size_average, reduce : None
        Torch's deprecated arguments; use `reduction`.
    ignore_index : int
        Targets of this value count nothing.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    array () or, with "none", of the target's shape

    Raises
    ------
    TypeError
        An argument is no array or has a dtype that is not served.
    ValueError
        Shapes do not fit, a target is out of range, or a parameter makes no sense.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.nll_loss(np.array([[-1.0, -2.0], [-3.0, -4.0]]), np.array([1, 0]))
    np.float64(2.5)
    """
    _refuse_deprecated("nll_loss", size_average, reduce)
    return _nll_loss(input, target, weight, ignore_index, reduction)


def mse_loss(
    input: Any,
    target: Any,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """Return the squared error, ``weight · (input − target)²``.

    "mean" divides by the sum of the weights, without them by the number of elements. All arrays have a gradient.

    Parameters
    ----------
    input : array, any shape
        float32, bfloat16, float16 or float64.
    target : array as input
        Of the same shape: torch broadcasts others, with a warning that it is likely a mistake.
    size_average, reduce : None
        Torch's deprecated arguments; use `reduction`.
    reduction : {"mean", "sum", "none"}
    weight : array as input, optional

    Returns
    -------
    array () or, with "none", of the input's shape

    Raises
    ------
    TypeError
        An argument is no array or has a dtype that is not served.
    ValueError
        Shapes differ, or `reduction` is none of these.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    np.float64(2.0)
    """
    _refuse_deprecated("mse_loss", size_average, reduce)
    return _mse_loss(input, target, weight, reduction)


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """Return the cross entropy of ``p = sigmoid(input)`` and the probabilities `target`, element by element.

    ``−weight · (pos_weight · target · log p + (1 − target) · log(1 − p))``, computed from ``log(1 + exp(−|input|))``,
    so that no logit is too large. "mean" divides by the number of elements, whatever the weights.

    Parameters
    ----------
    input : array, any shape
        Logits: float32, bfloat16, float16 or float64.
    target : array as input
        Most often between 0 and 1.
    weight : array that can be broadcast to input, optional
        Of input's dtype, or float32 beside half precision.
    size_average, reduce : None
        Torch's deprecated arguments; use `reduction`.
    reduction : {"mean", "sum", "none"}
    pos_weight : array that can be broadcast to input, optional
        What positive examples weigh, as `weight`.

    Returns
    -------
    array () or, with "none", of the input's shape

    Raises
    ------
    TypeError
        An argument is no array or has a dtype that is not served.
    ValueError
        Shapes do not fit, or `reduction` is none of these.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.binary_cross_entropy_with_logits(np.zeros(2), np.array([0.0, 1.0])).round(4)
    np.float64(0.6931)
    """
    _refuse_deprecated("binary_cross_entropy_with_logits", size_average, reduce)
    return _binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction)
