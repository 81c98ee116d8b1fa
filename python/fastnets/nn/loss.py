"""Losses as layers."""

from __future__ import annotations

from functools import partial
from typing import Any

from .. import functional as F
from . import arguments
from .module import Module
from .tree import Array

__all__ = ["CrossEntropyLoss"]

_REDUCTIONS = ("mean", "sum", "none")


class CrossEntropyLoss(Module):
    """Cross entropy between logits and targets: ``-log softmax(input)[target]``, averaged over the batch.

    Parameters
    ----------
    weight : array (C,), optional
        Weights of the classes; a buffer.
    size_average, reduce : None
        torch's deprecated arguments; anything but None is a ValueError.
    ignore_index : int
        Targets of this value are left out.
    reduction : "mean", "sum" or "none"
        How the losses of a batch are brought together; "mean" divides by the weights of the targets that count.
    label_smoothing : float
        Share of the target's mass, in [0, 1], that is spread over all classes.

    Raises
    ------
    ValueError
        For values that are not listed here.

    Notes
    -----
    The input is (N, C, …), (N, C) or (C,), the target integers of the shape without C; see
    `fastnets.functional.cross_entropy`.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> loss = fn.nn.CrossEntropyLoss()(np.zeros((1, 2), np.float32), np.array([1]))
    >>> round(float(loss), 4)
    0.6931
    """

    weight: Array | None

    def __init__(
        self,
        weight: Array | None = None,
        size_average: None = None,
        ignore_index: int = -100,
        reduce: None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        if size_average is not None or reduce is not None:
            raise ValueError("CrossEntropyLoss: size_average and reduce are not served; use reduction")
        if reduction not in _REDUCTIONS:
            raise ValueError(
                f"CrossEntropyLoss: reduction is {reduction!r} but one of {', '.join(_REDUCTIONS)} is expected"
            )
        self.register_buffer("weight", weight)
        self.ignore_index = arguments.integer("CrossEntropyLoss", "ignore_index", ignore_index)
        self.reduction = reduction
        self.label_smoothing = arguments.probability("CrossEntropyLoss", "label_smoothing", label_smoothing)

    def operation(self, input: Array, target: Array) -> partial[Any]:
        return partial(
            F.cross_entropy,
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )
