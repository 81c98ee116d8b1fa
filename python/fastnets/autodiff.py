"""Gradients of the functions of `fastnets.functional`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from functools import cache
from typing import Any

from . import arrays, backends
from .backends import Call

__all__ = ["value_and_grad", "vjp"]


@cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]


def _match(name: str, value: Any, gradient: Any) -> list[tuple[Any, Any]]:
    """Pair the arrays of a value with the gradients given for them."""
    if not isinstance(value, (tuple, list)):
        return [(value, gradient)]
    if gradient is None:
        return []
    if not isinstance(gradient, (tuple, list)) or len(gradient) != len(value):
        got = repr(gradient)[:60]
        raise ValueError(f"{name}: backward takes {len(value)} gradients nested as the outputs are, got {got}")
    return [pair for v, g in zip(value, gradient, strict=True) for pair in _match(name, v, g)]


class Backward:
    """The pull-back of one call: gradients of the output in, gradients of the inputs out."""

    def __init__(
        self, function: Callable[..., Any], call: Call | None, value: Any, arguments: dict[str, Any], given: list[str]
    ):
        self.name = getattr(function, "__name__", repr(function))
        self._call, self._value = call, value
        self._arguments, self._given = arguments, given

    def __call__(self, gradient: Any, by_name: bool = False, *, wanted: Collection[str] | None = None) -> Any:
        """Return a tuple with one entry for each positional argument, or with `by_name` a dict by argument.

        `wanted` names the arguments whose gradients are computed; by default, all that are returned.
        """
        if wanted is None:
            wanted = self._arguments.keys() if by_name else self._given
        if self._call is None:  # the value is one of the arguments, as in dropout without training
            found = {n: gradient for n, v in self._arguments.items() if v is self._value and n in wanted}
        else:
            found = self._pull(gradient, wanted)
        if by_name:
            return found
        return tuple(found.get(name) for name in self._given)

    def _pull(self, gradient: Any, wanted: Collection[str]) -> dict[str, Any]:
        call = self._call
        assert call is not None
        pairs = _match(self.name, self._value, gradient)
        gradients = []
        for output, differentiable in zip(call.outputs, call.op.has_gradient, strict=True):
            if differentiable:
                gradients.append(next((g for v, g in pairs if v is output), None))
        if all(g is None for g in gradients):
            raise ValueError(f"{self.name}: backward needs the gradient of the output, got None")
        first = next(v for v in call.arguments[: len(call.op.inputs)] if v is not None)
        kind = arrays.library(getattr(first, "array", first) if type(first).__name__ == "PackedWeight" else first)
        for given in gradients:
            if given is not None and arrays.library(given) != kind:
                got = type(given).__name__
                raise TypeError(f"{self.name}: the gradient of the output must be an array of {kind}, got {got}")
        flags = tuple(
            name in wanted and differentiable and value is not None
            for name, differentiable, value in zip(call.op.inputs, call.op.differentiable, call.arguments, strict=False)
        )
        try:
            made = backends.backward(call, tuple(gradients), flags)
        except (TypeError, ValueError) as error:
            raise backends.renamed(error, self.name) from None
        named = zip(call.op.inputs, made, flags, strict=True)
        return {name: g for name, g, flag in named if flag and g is not None}


def vjp(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, Backward]:
    """Compute a function and return its value with the function that pulls gradients back through it.

    ``backward(dy) = dyᵀ · ∂function/∂args`` (a vector-Jacobian product).

    Parameters
    ----------
    function : callable
        A function of `fastnets.functional` that has a gradient.
    *args, **kwargs
        Its arguments.

    Returns
    -------
    value
        What ``function(*args, **kwargs)`` returns.
    backward : callable
        ``backward(dy)`` returns a tuple with one entry for each positional argument: its gradient, or None where there
        is none (shapes, integers, flags). ``backward(dy, by_name=True)`` returns a dict with the gradient of every
        differentiable argument, positional or keyword. It may be called more than once. Where the value is a tuple,
        ``dy`` is one too, with None for zero.

    Raises
    ------
    TypeError
        The function has no gradient, or an argument is a tensor that torch's autograd already follows.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> x, w = np.ones((1, 2)), np.array([[2.0, 3.0]])
    >>> y, backward = fn.vjp(fn.functional.linear, x, w)
    >>> backward(np.ones_like(y))
    (array([[2., 3.]]), array([[1., 1.]]))
    """
    name = getattr(function, "__name__", repr(function))
    if not callable(function):
        raise TypeError(f"vjp: function must be callable, got {type(function).__name__}")
    with backends.record() as tape:
        value = function(*args, **kwargs)
    bound = _signature(function).bind(*args, **kwargs)
    arguments = dict(bound.arguments)
    given = list(_signature(function).parameters)[: len(args)]
    if not tape:
        if not any(v is value for v in arguments.values()):
            raise TypeError(f"vjp: {name} has no gradient")
        return value, Backward(function, None, value, arguments, given)
    if len(tape) > 1 or not any(tape[0].op.has_gradient):
        raise TypeError(f"vjp: {name} has no gradient")
    call = tape[0]
    known = _signature(function).parameters
    differentiable = (n for n, d in zip(call.op.inputs, call.op.differentiable, strict=True) if d)
    if any(call.inputs[n] is not None for n in differentiable if n not in known):
        raise TypeError(f"vjp: {name} is not a function of fastnets.functional")
    return value, Backward(function, call, value, arguments, given)


def value_and_grad(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Compute a scalar function and its gradient with respect to the first argument.

    Parameters
    ----------
    function : callable
        A loss of `fastnets.functional`.
    *args, **kwargs
        Its arguments.

    Returns
    -------
    value : array
        The loss, 0-d.
    gradient : array
        ∂loss/∂args[0], in its shape and dtype.

    Raises
    ------
    ValueError
        The value is not a single number.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> loss, dlogits = fn.value_and_grad(fn.functional.cross_entropy, np.zeros((1, 2)), np.array([0]))
    >>> dlogits
    array([[-0.5,  0.5]])
    """
    name = getattr(function, "__name__", repr(function))
    if not args:
        raise TypeError(f"value_and_grad: {name} must be given at least one positional argument")
    value, backward = vjp(function, *args, **kwargs)
    if isinstance(value, tuple) or tuple(value.shape) not in ((), (1,)):
        got = "a tuple" if isinstance(value, tuple) else f"shape {tuple(value.shape)}"
        raise ValueError(f"value_and_grad: {name} returned {got} but must return a scalar")
    first = next(iter(_signature(function).parameters))
    return value, backward(arrays.ones_like(value), by_name=True, wanted=(first,)).get(first)
