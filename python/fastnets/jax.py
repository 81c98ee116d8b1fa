"""The ops on JAX's tracers: a callback to the host with a gradient of its own, for ``jax.grad``, ``jit`` and ``vmap``.

Arrays that JAX does not trace go through NumPy; see `fastnets.backends.forward`.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from . import _cpu, arrays, backends
from .backends import Op

__all__ = ["call", "is_traced"]


def is_traced(values: tuple[Any, ...]) -> bool:
    """Whether JAX traces one of the values of a call."""
    return any(isinstance(value, jax.core.Tracer) for value in values)


def call(op: Op, arguments: tuple[Any, ...]) -> Any:
    """Compute an op in JAX's graph, with its gradient.

    Raises
    ------
    TypeError
        A parameter is traced.
    ValueError
        The op would update one of its arguments in place.
    """
    n = len(op.inputs)
    for name, value, updated in zip(op.inputs, arguments, op.updated, strict=False):
        if updated and value is not None:
            raise ValueError(f"{op.name}: {name} is a JAX array, which cannot be updated in place")
    for name, value in zip(op.parameters, arguments[n:], strict=True):
        if isinstance(value, jax.core.Tracer):
            raise TypeError(f"{op.name}: {name} is traced by JAX but must be known; see static_argnums of jax.jit")
    return backends.collapse(_Traced(op, arguments).function()(*(a for a in arguments[:n] if a is not None)))


class _Traced:
    """One call; its functions take the input arrays that are there, without those that were left out."""

    def __init__(self, op: Op, arguments: tuple[Any, ...]):
        n = len(op.inputs)
        self.op, self.parameters = op, arguments[n:]
        self.given = [a is not None for a in arguments[:n]]
        specs = [None if a is None else _spec(a) for a in arguments[:n]]
        self.outputs, self.saved = getattr(_cpu, op.name + "_infer")((*specs, *self.parameters), True)

    def function(self) -> Any:
        function = jax.custom_vjp(lambda *inputs: self.forward(*inputs)[: len(self.outputs)])
        function.defvjp(self._record, self.backward)
        return function

    def _record(self, *inputs: Any) -> Any:
        made = self.forward(*inputs)
        return made[: len(self.outputs)], (inputs, made)

    def forward(self, *inputs: Any) -> tuple[Any, ...]:
        """Return the outputs and what is saved, None where it is not there."""
        specs = (*self.outputs, *self.saved)

        def compute(*host: Any) -> tuple[Any, ...]:
            made = backends.forward(self.op.name, self._arguments(host), save=True, backend="cpu")
            return _returned((*made.outputs, *made.saved))

        return _scattered(_callback(compute, specs, inputs), [s is not None for s in specs])

    def backward(self, residuals: Any, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        inputs, made = residuals
        op, m = self.op, len(self.outputs)
        wanted = tuple(g and d for g, d in zip(self.given, op.differentiable, strict=True))
        specs = getattr(_cpu, op.name + "_infer_backward")(
            (*_scattered([_spec(a) for a in inputs], self.given), *self.parameters)
        )
        kept = [a for a in made if a is not None]
        given = [g for g, d in zip(gradients, op.has_gradient, strict=True) if d]

        def compute(*host: Any) -> tuple[Any, ...]:
            arguments = self._arguments(host[: len(inputs)])
            rest = _scattered(host[len(inputs) : len(inputs) + len(kept)], [a is not None for a in made])
            # JAX without 64-bit types has narrowed the integers.
            rest = tuple(
                None if a is None else np.asarray(a).astype(backends.numpy_dtype(s.dtype), copy=False)
                for a, s in zip(rest, (*self.outputs, *self.saved), strict=True)
            )
            call = backends.Call(op, arguments, rest[:m], rest[m:], "cpu", "numpy")
            return _returned(backends.backward(call, tuple(map(np.asarray, host[len(inputs) + len(kept) :])), wanted))

        pulled = _scattered(_callback(compute, specs, (*inputs, *kept, *given)), [s is not None for s in specs])
        return tuple(g for g, there in zip(pulled, self.given, strict=True) if there)

    def _arguments(self, host: tuple[Any, ...]) -> tuple[Any, ...]:
        return (*_scattered([np.asarray(a) for a in host], self.given), *self.parameters)


def _spec(array: Any) -> Any:
    strides = [int(np.prod(array.shape[i + 1 :])) for i in range(array.ndim)]
    return _cpu.Spec(list(array.shape), strides, arrays.dtype_name(array))


def _callback(function: Any, specs: tuple[Any, ...], values: tuple[Any, ...]) -> tuple[Any, ...]:
    shapes = tuple(jax.ShapeDtypeStruct(s.shape, _dtype(s.dtype)) for s in specs if s is not None)
    return tuple(jax.pure_callback(function, shapes, *values, vmap_method="sequential"))


def _dtype(name: str) -> Any:
    return jax.dtypes.canonicalize_dtype(backends.numpy_dtype(name))


def _returned(made: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a callback returns: the arrays that are there, in dtypes that JAX has."""
    return tuple(a.astype(_dtype(arrays.dtype_name(a)), copy=False) for a in made if a is not None)


def _scattered(values: Any, there: list[bool]) -> tuple[Any, ...]:
    """Put values at the places where something is, None elsewhere."""
    values = iter(values)
    return tuple(next(values) if t else None for t in there)
