"""Losses."""

from __future__ import annotations

from typing import Any

from ..backends import ops

__all__ = ["cross_entropy"]

_cross_entropy = ops.cross_entropy


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
    if size_average is not None or reduce is not None:
        raise ValueError("cross_entropy: size_average and reduce are deprecated and not served; use reduction")
    if not isinstance(reduction, str):
        raise TypeError(f"cross_entropy: reduction must be a string, got {reduction!r}")
    return _cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)
