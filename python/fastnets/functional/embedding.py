"""Rows of a table, looked up by index."""

from __future__ import annotations

from typing import Any

from ..backends import ops

__all__ = ["embedding"]

_embedding = ops.embedding
_NO_PADDING = -(2**63)  # what the op takes for none


def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """Return the rows of a table at some indices: ``output[…, :] = weight[input[…], :]``.

    The gradient of a row is the sum of the output's gradients where it was looked up, added in the order of their
    places: the same bits in every run and with any number of threads.

    Parameters
    ----------
    input : array of any shape, int32 or int64
        Indices, at least 0 and less than V.
    weight : array (V, D)
        float32, bfloat16, float16 or float64.
    padding_idx : int, optional
        The row whose gradient is zero; negative numbers count from the end.
    max_norm : None
        Torch's argument that shortens rows of `weight` in place is not served.
    norm_type : float
        Belongs to `max_norm`; without meaning here.
    scale_grad_by_freq : bool
        Divide the gradient of each row by how often it was looked up.
    sparse : bool
        Sparse gradients are not served: False.

    Returns
    -------
    array (…, D)
        As `weight`.

    Raises
    ------
    TypeError
        An argument is no array or has a dtype that is not served.
    ValueError
        An index or `padding_idx` is out of range, or `max_norm` or `sparse` is given.

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.embedding(np.array([1, 0, 1]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[3., 4.],
           [1., 2.],
           [3., 4.]])
    """
    if max_norm is not None:
        raise ValueError(f"embedding: max_norm is {max_norm!r} but must be None: weight is not changed in place")
    if sparse:
        raise ValueError(f"embedding: sparse is {sparse!r} but must be False: gradients are dense")
    return _embedding(input, weight, _NO_PADDING if padding_idx is None else padding_idx, scale_grad_by_freq)
