"""Dropout."""

from __future__ import annotations

from typing import Any

from .. import random
from ..backends import ops

__all__ = ["dropout"]

_dropout = ops.dropout


def dropout(
    input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *, seed: int | None = None
) -> Any:
    """Return `input` with each element zeroed with probability `p` and the others scaled by ``1 / (1 − p)``.

    Element i of the row-major order is kept where word ``i % 4`` of Philox 4x32-10 (Salmon et al., 2011) with key
    `seed` and counter ``i // 4``, its upper 24 bits as a fraction, is at least `p`: one seed gives one mask on every
    backend.

    Parameters
    ----------
    input : array, any shape
        float32, bfloat16, float16 or float64.
    p : float
        Between 0 and 1.
    training : bool
        Without it, `input` is returned as it is.
    inplace : bool
        Accepted for torch's sake; the result is a new array all the same.
    seed : int, optional
        By default the next of `fastnets.random`.

    Raises
    ------
    TypeError
        `input` is no floating array.
    ValueError
        `p` is outside [0, 1].

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.dropout(np.ones(8), 0.5, seed=3)
    array([2., 2., 0., 2., 2., 0., 0., 2.])
    """
    if not training:
        if not 0 <= p <= 1:
            raise ValueError(f"dropout: p is {p!r} but must be between 0 and 1")
        return input
    return _dropout(input, p, random.draw_seed() if seed is None else seed)
