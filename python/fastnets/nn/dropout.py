"""Dropout as a layer."""

from __future__ import annotations

from functools import partial
from typing import Any

from .. import functional as F
from . import arguments
from .module import Module
from .tree import Array

__all__ = ["Dropout"]


class Dropout(Module):
    """While training, zero each element with probability `p` and scale the others by 1 / (1 - p); else the identity.

    Parameters
    ----------
    p : float
        Probability in [0, 1].
    inplace : bool
        Accepted; makes no difference.

    Raises
    ------
    ValueError
        If `p` is outside [0, 1].

    Notes
    -----
    The mask is drawn from ``fastnets.random``; ``fn.random.seed(n)`` makes a run repeatable.

    References
    ----------
    Srivastava and others: Dropout, a simple way to prevent neural networks from overfitting, 2014,
    https://jmlr.org/papers/v15/srivastava14a.html

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.Dropout(0.5).eval()(np.float32([1, 2])).tolist()
    [1.0, 2.0]
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        self.p = arguments.probability("Dropout", "p", p)
        self.inplace = inplace

    def operation(self, input: Array) -> partial[Any]:
        return partial(F.dropout, input, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
