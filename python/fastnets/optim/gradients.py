"""What is done to gradients between backward and the optimizer's step: clipped, accumulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from .. import arrays
from ..backends import ops

__all__ = ["add_grads", "clip_grad_norm", "each_gradient"]

Array = Any
Gradients = TypeVar("Gradients", bound=Mapping[str, Any] | Sequence[Any])


def clip_grad_norm(
    grads: Gradients,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> tuple[Gradients, Array]:
    """Scale gradients down to a norm that is not exceeded: each times ``min(1, max_norm / (norm + 10⁻⁶))``.

    Parameters
    ----------
    grads : mapping of str to array, or sequence of arrays
        Gradients, as `backward` returns them; None stays None.
    max_norm : float
        At least 0.
    norm_type : float
        p of the p-norm over all elements, above 0; ``inf`` for the largest.
    error_if_nonfinite : bool
        RuntimeError where the norm is not finite; on a GPU this waits for it.
    foreach : bool, optional
        torch's choice between its implementations; accepted, without a meaning here.

    Returns
    -------
    grads : dict or list
        New arrays.
    norm : array without dimensions
        The norm before, float32 (float64 where a gradient is), in the gradients' library and on their device: nothing
        waits for it.

    Raises
    ------
    ValueError
        For numbers out of range, and where there is no gradient.
    TypeError
        For what are no floating arrays of one library.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> grads, norm = fn.optim.clip_grad_norm({"w": np.array([3.0, 4.0])}, 1.0)
    >>> float(norm), grads["w"].round(3).tolist()
    (5.0, [0.6, 0.8])
    """
    max_norm, norm_type = float(max_norm), float(norm_type)
    if not max_norm >= 0:
        raise ValueError(f"clip_grad_norm: max_norm is {max_norm!r} but a number of at least 0 is expected")
    if not norm_type > 0:
        raise ValueError(f"clip_grad_norm: norm_type is {norm_type!r} but a number above 0 is expected")
    norm = None
    for _, gradient in each_gradient("clip_grad_norm", grads):
        norm = ops.norm(gradient, norm, norm_type)
    if norm is None:
        raise ValueError("clip_grad_norm: there is no gradient")
    if error_if_nonfinite and not abs(float(norm)) < float("inf"):
        raise RuntimeError(f"clip_grad_norm: the norm of the gradients is {float(norm)}; expected a finite one")
    return mapped(grads, lambda gradient: ops.clip(gradient, norm, max_norm)), norm


def add_grads(a: Gradients, b: Gradients) -> Gradients:
    """Add the gradients of two backward passes, name by name: to accumulate over parts of a batch.

    Parameters
    ----------
    a, b : mapping of str to array, or sequence of arrays
        What one has alone, or has None for in the other, is kept as it is.

    Returns
    -------
    dict or list
        Sums are new arrays, in the gradients' dtype.

    Raises
    ------
    ValueError
        For shapes that differ, and for sequences of different lengths.
    TypeError
        For what are no floating arrays of one library and dtype.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.optim.add_grads({"w": np.ones(2)}, {"w": np.ones(2), "b": np.zeros(1)})
    {'w': array([2., 2.]), 'b': array([0.])}
    """
    first, second = dict(each_gradient("add_grads", a)), dict(each_gradient("add_grads", b))

    def total(name: str) -> Array:
        if name not in first or name not in second:
            return first.get(name, second.get(name))
        try:
            return ops.add(first[name], second[name])
        except (TypeError, ValueError) as error:
            raise type(error)(f"add_grads: {name}: {str(error).removeprefix('add: ')}") from None

    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return {name: total(name) for name in (*a, *(name for name in b if name not in a))}  # type: ignore[return-value]
    if isinstance(a, Mapping) or isinstance(b, Mapping) or len(a) != len(b):
        raise ValueError(
            f"add_grads: a has {len(a)} gradients and b {len(b)}; expected two mappings, or sequences of one length"
        )
    return [total(str(i)) for i in range(len(a))]  # type: ignore[return-value]


def each_gradient(title: str, grads: Any) -> list[tuple[str, Array]]:
    """The gradients that are there, by name or number."""
    if arrays.library(grads) is not None or isinstance(grads, str) or not isinstance(grads, (Mapping, Sequence)):
        raise TypeError(f"{title}: expected a mapping of names to gradients but got {type(grads).__name__}")
    named = grads.items() if isinstance(grads, Mapping) else ((str(i), each) for i, each in enumerate(grads))
    present = [(name, gradient) for name, gradient in named if gradient is not None]
    for name, gradient in present:
        if arrays.library(gradient) is None:
            raise TypeError(f"{title}: the gradient of {name} is {type(gradient).__name__}; expected an array")
    return present


def mapped(grads: Gradients, function: Any) -> Gradients:
    """The gradients with a function applied to each that is there."""
    if isinstance(grads, Mapping):
        return {name: None if each is None else function(each) for name, each in grads.items()}  # type: ignore[return-value]
    return [None if each is None else function(each) for each in grads]  # type: ignore[return-value]
