"""Losses as layers."""

from __future__ import annotations

from functools import partial
from typing import Any

from .. import functional as F
from . import arguments
from .module import Module
from .tree import Array

__all__ = ["BCEWithLogitsLoss", "CrossEntropyLoss", "MSELoss", "NLLLoss"]

_REDUCTIONS = ("mean", "sum", "none")


def _reduction(layer: str, size_average: Any, reduce: Any, reduction: str) -> str:
    if size_average is not None or reduce is not None:
        raise ValueError(f"{layer}: size_average and reduce are not served; use reduction")
    if reduction not in _REDUCTIONS:
        raise ValueError(f"{layer}: reduction is {reduction!r} but one of {', '.join(_REDUCTIONS)} is expected")
    return reduction


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
        self.reduction = _reduction("CrossEntropyLoss", size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = arguments.integer("CrossEntropyLoss", "ignore_index", ignore_index)
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


class NLLLoss(Module):
    """Negative log-likelihood of targets under log-probabilities: ``-input[target]``, averaged over the batch.

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

    Raises
    ------
    ValueError
        For values that are not listed here.

    Notes
    -----
    The input is (N, C, …), (N, C) or (C,), the target integers of the shape without C; see
    `fastnets.functional.nll_loss`.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> float(fn.nn.NLLLoss()(np.float32([[-1, -2]]), np.array([1])))
    2.0
    """

    weight: Array | None

    def __init__(
        self,
        weight: Array | None = None,
        size_average: None = None,
        ignore_index: int = -100,
        reduce: None = None,
        reduction: str = "mean",
    ) -> None:
        self.reduction = _reduction("NLLLoss", size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = arguments.integer("NLLLoss", "ignore_index", ignore_index)

    def operation(self, input: Array, target: Array) -> partial[Any]:
        return partial(
            F.nll_loss,
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class MSELoss(Module):
    """Squared error: ``(input - target)²``, averaged over all elements.

    Parameters
    ----------
    size_average, reduce : None
        torch's deprecated arguments; anything but None is a ValueError.
    reduction : "mean", "sum" or "none"
        How the losses of the elements are brought together.

    Raises
    ------
    ValueError
        For values that are not listed here.

    Notes
    -----
    Input and target have one shape, and a gradient each; see `fastnets.functional.mse_loss`.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> float(fn.nn.MSELoss()(np.float32([1, 2]), np.float32([1, 4])))
    2.0
    """

    def __init__(self, size_average: None = None, reduce: None = None, reduction: str = "mean") -> None:
        self.reduction = _reduction("MSELoss", size_average, reduce, reduction)

    def operation(self, input: Array, target: Array) -> partial[Any]:
        return partial(F.mse_loss, input, target, reduction=self.reduction)


class BCEWithLogitsLoss(Module):
    """Cross entropy of ``sigmoid(input)`` and target probabilities, averaged over all elements.

    Parameters
    ----------
    weight : array that can be broadcast to the input, optional
        Weights of the elements; a buffer.
    size_average, reduce : None
        torch's deprecated arguments; anything but None is a ValueError.
    reduction : "mean", "sum" or "none"
        How the losses of the elements are brought together; "mean" divides by their number, whatever the weights.
    pos_weight : array that can be broadcast to the input, optional
        What positive examples weigh; a buffer.

    Raises
    ------
    ValueError
        For values that are not listed here.

    Notes
    -----
    Input and target have one shape, and a gradient each; see `fastnets.functional.binary_cross_entropy_with_logits`.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> loss = fn.nn.BCEWithLogitsLoss()(np.zeros(2, np.float32), np.float32([0, 1]))
    >>> round(float(loss), 4)
    0.6931
    """

    weight: Array | None
    pos_weight: Array | None

    def __init__(
        self,
        weight: Array | None = None,
        size_average: None = None,
        reduce: None = None,
        reduction: str = "mean",
        pos_weight: Array | None = None,
    ) -> None:
        self.reduction = _reduction("BCEWithLogitsLoss", size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def operation(self, input: Array, target: Array) -> partial[Any]:
        return partial(
            F.binary_cross_entropy_with_logits,
            input,
            target,
            weight=self.weight,
            reduction=self.reduction,
            pos_weight=self.pos_weight,
        )
