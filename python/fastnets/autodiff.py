"""Gradients of the functions of `fastnets.functional`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable
from functools import cache
from typing import Any

from . import arrays, backends
from .backends import Call

__all__ = ["value_and_grad", "vjp"]


@cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def leaves_of(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [leaf for item in value for leaf in leaves_of(item)]
    return [value]


def nested(value: Any, of_leaf: Callable[[Any], Any]) -> Any:
    """What a function makes of each leaf, nested as the value is."""
    if not isinstance(value, (tuple, list)):
        return of_leaf(value)
    made = [nested(item, of_leaf) for item in value]
    return made if isinstance(value, list) else tuple(made)


def told_apart(arguments: Any, seen: set[int]) -> Any:
    """The arguments with a view in the place of an array seen before: each place has a gradient of its own."""

    def unlike(value: Any) -> Any:
        if value is None or isinstance(value, (str, int, float)) or arrays.library(value) is None:
            return value
        if id(value) in seen:
            return arrays.alias(value)
        seen.add(id(value))
        return value

    return nested(arguments, unlike)


def match(name: str, value: Any, gradient: Any) -> list[tuple[Any, Any]]:
    """Pair the arrays of a value with the gradients given for them."""
    if not isinstance(value, (tuple, list)):
        return [(value, gradient)]
    if gradient is None:
        return []
    if not isinstance(gradient, (tuple, list)) or len(gradient) != len(value):
        got = repr(gradient)[:60]
        raise ValueError(f"{name}: backward takes {len(value)} gradients nested as the outputs are, got {got}")
    return [pair for v, g in zip(value, gradient, strict=True) for pair in match(name, v, g)]


class Backward:
    """The pull-back of a function: gradients of the output in, gradients of the inputs out."""

    def __init__(
        self, function: Callable[..., Any], tape: list[Any], value: Any, arguments: dict[str, Any], given: list[str]
    ):
        self.name = getattr(function, "__name__", repr(function))
        self._tape, self._value = tape, value
        self._arguments, self._given = arguments, given
        self._by_name = len(tape) == 1 and set(_differentiable(tape[0])) <= _signature(function).parameters.keys()
        # By identity only where no arithmetic of others can stand between the ops.
        if tape and not self._by_name and not getattr(function, "__module__", "").startswith("fastnets.functional"):
            raise TypeError(f"vjp: {self.name} is not a function of fastnets.functional")

    def __call__(self, gradient: Any, by_name: bool = False, *, wanted: Collection[str] | None = None) -> Any:
        """Return a tuple with one entry for each positional argument, or with `by_name` a dict by argument.

        `wanted` names the arguments whose gradients are computed; by default, all that are returned.
        """
        if wanted is None:
            wanted = self._arguments.keys() if by_name else self._given
        if not self._tape:  # the value is one of the arguments, as in dropout without training
            found = {n: gradient for n, v in self._arguments.items() if v is self._value and n in wanted}
        else:
            found = self._pull(gradient, wanted)
        if by_name:
            return found
        return tuple(found.get(name) for name in self._given)

    def _pull(self, gradient: Any, wanted: Collection[str]) -> dict[str, Any]:
        pairs = match(self.name, self._value, gradient)
        if all(g is None for _, g in pairs):
            raise ValueError(f"{self.name}: backward needs the gradient of the output, got None")
        first = next(v for v in inputs_of(self._tape[0]) if v is not None)
        kind = arrays.library(backends.unpacked(first))
        for _, given in pairs:
            if given is not None and arrays.library(given) != kind:
                got = type(given).__name__
                raise TypeError(f"{self.name}: the gradient of the output must be an array of {kind}, got {got}")
        try:
            return self._pull_by_name(pairs, wanted) if self._by_name else self._pull_through(pairs, wanted)
        except (TypeError, ValueError) as error:
            raise backends.renamed(error, self.name) from None

    def _pull_by_name(self, pairs: list[tuple[Any, Any]], wanted: Collection[str]) -> dict[str, Any]:
        """One op, whose inputs are the function's arguments under the same names."""
        (call,) = self._tape
        flags = tuple(
            name in wanted and differentiable and value is not None
            for name, differentiable, value in zip(call.op.inputs, call.op.differentiable, call.arguments, strict=False)
        )
        gradients = (next((g for v, g in pairs if v is output), None) for output in outputs_of(call))
        made = backends.backward(call, tuple(gradients), flags)
        named = zip(call.op.inputs, made, flags, strict=True)
        return {name: g for name, g, flag in named if flag and g is not None}

    def _pull_through(self, pairs: list[tuple[Any, Any]], wanted: Collection[str]) -> dict[str, Any]:
        """Any number of ops, each of which passes on to others what it returned, as it returned it."""
        leaves = {id(leaf) for name in wanted for leaf in leaves_of(self._arguments.get(name))}
        gradients = pull_through(self._tape, pairs, leaves)
        found = {
            name: nested(value, lambda leaf: gradients.get(id(leaf)) if id(leaf) in leaves else None)
            for name, value in self._arguments.items()
            if name in wanted
        }
        return {name: value for name, value in found.items() if any(g is not None for g in leaves_of(value))}


def pull_through(tape: list[Any], pairs: list[tuple[Any, Any]], leaves: Collection[int]) -> dict[int, Any]:
    """Gradients of arrays by their identity, from pairs of an output and its gradient down to the `leaves`."""
    reached = set(leaves)  # arrays on the way from what is wanted
    for node in tape:
        if any(id(value) in reached for value in inputs_of(node)):
            reached |= {id(value) for value in outputs_of(node)}
    gradients: dict[int, Any] = {}

    def add(value: Any, gradient: Any) -> None:
        before = gradients.get(id(value))
        if gradient is not None:
            gradients[id(value)] = gradient if before is None else before + gradient

    for value, gradient in pairs:
        add(value, gradient)
    for node in reversed(tape):
        given = tuple(gradients.get(id(value)) for value in outputs_of(node))
        flags = tuple(value is not None and id(value) in reached for value in inputs_of(node))
        if any(flags) and any(g is not None for g in given):
            for value, gradient in zip(inputs_of(node), _pulled(node, given, flags), strict=True):
                add(value, gradient)
    return gradients


def knows_all(tape: list[Any], arguments: Iterable[Any], value: Any) -> bool:
    """Whether each array that has a gradient in a tape's nodes, and of the value, is an argument or came out before."""
    known = {id(array) for array in arguments}
    for node in tape:
        differentiable = node.op.differentiable if isinstance(node, Call) else (True,) * len(node.inputs)
        for array, has_gradient in zip(inputs_of(node), differentiable, strict=True):
            if has_gradient and array is not None and id(array) not in known and "float" in arrays.dtype_name(array):
                return False
        known |= {id(output) for output in outputs_of(node)}
    return all(leaf is None or id(leaf) in known for leaf in leaves_of(value))


def inputs_of(node: Any) -> tuple[Any, ...]:
    if not isinstance(node, Call):
        return node.inputs
    return tuple(map(backends.unpacked, node.arguments[: len(node.op.inputs)]))


def outputs_of(node: Any) -> tuple[Any, ...]:
    """Those that have gradients."""
    if not isinstance(node, Call):
        return node.outputs
    return tuple(o for o, d in zip(node.outputs, node.op.has_gradient, strict=True) if d)


def _differentiable(call: Any) -> list[str]:
    """The names of those inputs that are there and have a gradient."""
    if not isinstance(call, Call):
        return []
    named = zip(call.op.inputs, call.op.differentiable, call.arguments, strict=False)
    return [name for name, differentiable, value in named if differentiable and value is not None]


def _pulled(node: Any, gradients: tuple[Any, ...], wanted: tuple[bool, ...]) -> tuple[Any, ...]:
    if not isinstance(node, Call):
        return node.pull(gradients)
    wanted = tuple(w and d for w, d in zip(wanted, node.op.differentiable, strict=True))
    return backends.backward(node, gradients, wanted)


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
    seen: set[int] = set()
    args = told_apart(args, seen)
    kwargs = {name: told_apart(value, seen) for name, value in kwargs.items()}
    with backends.record() as tape:
        value = function(*args, **kwargs)
    signature = _signature(function)
    arguments = dict(signature.bind(*args, **kwargs).arguments)
    given = list(signature.parameters)[: len(args)]
    if not tape and not any(v is value for v in arguments.values()):
        raise TypeError(f"vjp: {name} has no gradient")
    if any(isinstance(node, Call) and not any(node.op.has_gradient) for node in tape):
        raise TypeError(f"vjp: {name} has no gradient")
    return value, Backward(function, tape, value, arguments, given)


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
