"""The compiled backends and the one way into them.

An op of the table (``csrc/core/ops.h``) takes its inputs, then its parameters, by position. ``ops.linear(…)`` computes:
the compiled module takes NumPy arrays and plain torch tensors by itself and hands every other call to `dispatch`:
another library's arrays, a forced backend, a `fastnets.vjp` that records, a tensor that autograd follows.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from . import _cpu, arrays, reference
from . import _cpu as ops
from .op_table import OPS, Op

__all__ = [
    "BACKENDS",
    "Call",
    "OPS",
    "Op",
    "backward",
    "forward",
    "ops",
    "pack_weight",
    "record",
    "renamed",
    "unrecorded",
    "use_backend",
]

BACKENDS = ("reference", "cpu", "cuda", "cuda-emulated")
# Libraries whose arrays every compiled module reads by itself; `fastnets.torch` adds torch where its tensors allow it.
DIRECT = {"numpy"}
DTYPES = ("float32", "float64", "bfloat16", "float16", "int32", "int64", "bool")  # of arrays


@dataclass
class Call:
    """A forward computation with what its backward needs."""

    op: Op
    arguments: tuple[Any, ...]
    outputs: tuple[Any, ...]
    saved: tuple[Any, ...]
    backend: str
    library: str

    @property
    def inputs(self) -> dict[str, Any]:
        return dict(zip(self.op.inputs, self.arguments, strict=False))


@dataclass(frozen=True)
class Mode:
    """What holds for the calls of this thread or task beside the default."""

    backend: str | None = None
    tape: list[Any] | None = field(default=None, compare=False)
    by_layer: bool = False  # layers with a vjp of their own are one entry of the tape


def current_mode() -> Mode:
    return _cpu.mode.get(None) or Mode()


@contextmanager
def _entered(mode: Mode) -> Iterator[Mode]:
    token = _cpu.mode.set(mode if mode.backend is not None or mode.tape is not None else None)
    try:
        yield mode
    finally:
        _cpu.mode.reset(token)


@contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Compute on one backend, whatever the arrays' device, inside a ``with`` block of this thread or task.

    Parameters
    ----------
    name : {"reference", "cpu", "cuda", "cuda-emulated"}
        "reference" is NumPy in float64; "cuda-emulated" runs the CUDA kernels on the CPU, slowly, for tests.

    Raises
    ------
    ValueError
        No backend has this name.
    RuntimeError
        The backend is not built or cannot run on this machine; the message says why.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> with fn.use_backend("reference"):
    ...     fn.functional.relu(np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    if name not in BACKENDS:
        raise ValueError(f"use_backend: name is {name!r} but must be one of {', '.join(BACKENDS)}")
    if name != "reference":
        loaded = module(name)
        if name == "cuda" and not (found := loaded.devices())["available"]:
            raise RuntimeError(f"the backend 'cuda' cannot run here: {found.get('reason', 'there is no GPU')}")
    with _entered(replace(current_mode(), backend=name)):
        yield


@contextmanager
def record(by_layer: bool = False) -> Iterator[list[Any]]:
    """Collect the op calls of a block, each with what its backward needs, and what `parts` did with their arrays.

    With `by_layer`, a layer that writes its own vjp is one entry.
    """
    tape: list[Any] = []
    with _entered(replace(current_mode(), tape=tape, by_layer=by_layer)):
        yield tape


@contextmanager
def unrecorded() -> Iterator[None]:
    """Leave the op calls of a block off the tape of the `record` around it."""
    with _entered(replace(current_mode(), tape=None, by_layer=False)):
        yield


_MODULES = {"cpu": "fastnets._cpu", "cuda": "fastnets._cuda", "cuda-emulated": "fastnets._cuda_emulated"}


def module(backend: str) -> ModuleType:
    """Return the compiled module of a backend; RuntimeError where it is not there."""
    try:
        return _load(_MODULES[backend])
    except ImportError as error:
        raise RuntimeError(f"the backend {backend!r} is not there: {why_missing(backend, error)}") from error


@cache
def _load(name: str) -> ModuleType:
    loaded = importlib.import_module(name)
    if sys.modules.get("torch") is not None:
        from .torch import dispatch as torch_dispatch

        torch_dispatch.introduce(loaded)
    return loaded


def why_missing(backend: str, error: ImportError) -> str:
    """Say in a line why a compiled module cannot be imported."""
    from . import _buildinfo

    reasons = {"cuda": _buildinfo.CUDA_REASON, "cuda-emulated": _buildinfo.EMULATION_REASON}
    return reasons.get(backend) or str(error)


# Read once: the compiled module looks at it too, and must not for every call.
_ENVIRONMENT = os.environ.get("FASTNETS_BACKEND") or None


def select(library: str, value: Any) -> str:
    """Return the backend that computes on an array of a library."""
    forced = current_mode().backend or _ENVIRONMENT
    if forced is not None:
        if forced not in BACKENDS:
            raise ValueError(f"FASTNETS_BACKEND is {forced!r} but must be one of {', '.join(BACKENDS)}")
        return forced
    if library == "cupy" or (library == "torch" and unpacked(value).device.type == "cuda"):
        return "cuda"
    return "cpu"


def dispatch(name: str, arguments: tuple[Any, ...]) -> Any:
    """Compute what the compiled module has handed back: everything but plain arrays in host memory."""
    op = OPS[name]
    inputs = arguments[: len(op.inputs)]
    kind = arrays.common_library(name, op.inputs, inputs)
    tape = current_mode().tape
    if kind == "torch" and tape is None:
        from .torch import dispatch as torch_dispatch

        return torch_dispatch.call(op, arguments)
    if kind == "jax":
        from . import jax

        if jax.is_traced(inputs):
            if tape is not None:
                raise TypeError(f"{name}: vjp on values that JAX traces; use jax.vjp")
            return jax.call(op, arguments)
    call = forward(name, arguments, save=tape is not None)
    if tape is not None:
        tape.append(call)
    return collapse(call.outputs)


def collapse(outputs: tuple[Any, ...]) -> Any:
    """Return one output by itself, several as a tuple without those that were not asked for."""
    present = tuple(output for output in outputs if output is not None)
    return present[0] if len(present) == 1 else present or None


def forward(name: str, arguments: tuple[Any, ...], save: bool, backend: str | None = None) -> Call:
    """Run one op; with `save` the call can be given to `backward`."""
    op = OPS[name]
    inputs = arguments[: len(op.inputs)]
    library = arrays.common_library(name, op.inputs, inputs)
    if library == "torch":
        from .torch import dispatch as torch_dispatch

        torch_dispatch.refuse_tracked(op, inputs)
    return compute(op, arguments, save, backend or select(library, _first(inputs)), library)


def compute(op: Op, arguments: tuple[Any, ...], save: bool, backend: str, library: str) -> Call:
    """Run one op on a backend, on arrays that are known to be of one library."""
    outputs: tuple[Any, ...]
    saved: tuple[Any, ...] = ()
    if backend == "reference":
        outputs = _reference_forward(op, arguments)
    elif _reads(backend, library):
        if backend != "cpu":  # panels are the CPU's
            arguments = tuple(map(unpacked, arguments))
        outputs, saved = getattr(module(backend), op.name + "_forward")(arguments, save)
    else:
        brought = _brought(arguments, backend, len(op.inputs))
        outputs, saved = getattr(module(backend), op.name + "_forward")(brought, save)
        outputs, saved = (_converted(group, _first(arguments)) for group in (outputs, saved))
        for target, value, updated in zip(arguments, brought, op.updated, strict=False):
            if updated and target is not None:
                arrays.assign(target, arrays.to_numpy(value))
    return Call(op, arguments, outputs, saved, backend, library)


def _first(inputs: tuple[Any, ...]) -> Any:
    return next(unpacked(value) for value in inputs if value is not None)


def backward(call: Call, gradients: tuple[Any, ...], wanted: tuple[bool, ...]) -> tuple[Any, ...]:
    """Return the gradient of each input of a call, None where it is not wanted or has none.

    `gradients` has one entry for each differentiable output, None for zero. What the call has updated is no longer what
    it was then, and is kept from the backends.
    """
    if call.op.in_place:
        known = (None if u else a for a, u in zip(call.arguments, call.op.updated, strict=False))
        call = replace(call, arguments=(*known, *call.arguments[len(call.op.inputs) :]))
    if call.backend == "reference":
        return _reference_backward(call, gradients, wanted)
    run = getattr(module(call.backend), call.op.name + "_backward")
    if _reads(call.backend, call.library):
        return run(call.arguments, call.outputs, call.saved, gradients, wanted)
    groups = (_brought(group, call.backend) for group in (call.outputs, call.saved, gradients))
    arguments = _brought(call.arguments, call.backend, len(call.op.inputs))
    return _converted(run(arguments, *groups, wanted), _first(call.arguments))


def _converted(made: tuple[Any, ...], like: Any) -> tuple[Any, ...]:
    return tuple(None if array is None else arrays.from_numpy(arrays.to_numpy(array), like) for array in made)


def _reads(backend: str, library: str) -> bool:
    """Whether a compiled module takes the arrays of a library as they are."""
    if library == "cupy" and backend == "cuda":
        _introduce_cupy(module(backend))
        return True
    return library in DIRECT and (library, backend) != ("numpy", "cuda")


@cache
def _introduce_cupy(loaded: ModuleType) -> None:
    """Tell a compiled module of CuPy's arrays, which have brought it here."""
    import cupy

    loaded.set_cupy_types(cupy.ndarray, cupy.ndarray, cupy.cuda.get_current_stream)


def _brought(values: tuple[Any, ...], backend: str, count: int | None = None) -> tuple[Any, ...]:
    """Return copies of arrays, or of the first `count` values, where a backend reads them; what follows as it is."""
    like = _example(backend)
    count = len(values) if count is None else count
    moved = (None if a is None else arrays.from_numpy(arrays.to_numpy(unpacked(a)), like) for a in values[:count])
    return (*moved, *values[count:])


@cache
def _example(backend: str) -> Any:
    """Return an empty array of a library that a backend reads, where it reads it."""
    if backend != "cuda":
        return np.empty(0, np.float32)
    try:
        import cupy
    except ImportError:
        import torch

        return torch.empty(0, device="cuda")
    _introduce_cupy(module(backend))
    return cupy.empty(0, np.float32)


def unpacked(value: Any) -> Any:
    """Return the array of a weight that comes with its panels, and anything else as it is."""
    return value.array if type(value).__name__ == "PackedWeight" else value


def renamed(error: Exception, function: str) -> Exception:
    """Return an op's error in the words of the function that was called: ``conv: …`` becomes ``conv2d: …``."""
    op, colon, rest = str(error).partition(": ")
    return type(error)(f"{function}: {rest}") if colon and op in OPS else error


def numpy_dtype(name: str) -> np.dtype[Any]:
    """Return the NumPy dtype that the compiled modules mean by a name."""
    return arrays.bfloat16() if name == "bfloat16" else np.dtype(name)


def _reference_forward(op: Op, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    host = _brought(arguments, "reference", len(op.inputs))
    described, _ = getattr(_cpu, op.name + "_infer")(host, False)  # checks the arguments, and says the dtypes
    first = next(a for a in arguments[: len(op.inputs)] if a is not None)
    made = getattr(reference, op.name)(*host)
    # the outputs that are there, then what is updated
    values = iter(made if op.in_place else (v for v in made if v is not None) if isinstance(made, tuple) else (made,))
    outputs: list[Any] = []
    for spec in described:
        if spec is None:
            outputs.append(None)
        else:
            value = np.asarray(next(values)).astype(numpy_dtype(spec.dtype))
            outputs.append(arrays.from_numpy(value, first))
    for target, value in zip((a for a, u in zip(arguments, op.updated, strict=False) if u), values, strict=True):
        if target is not None:
            arrays.assign(target, value)
    return tuple(outputs)


def _reference_backward(call: Call, gradients: tuple[Any, ...], wanted: tuple[bool, ...]) -> tuple[Any, ...]:
    op = call.op
    host = _brought(call.arguments, "reference", len(op.inputs))
    outputs = [o for o, differentiable in zip(call.outputs, op.has_gradient, strict=True) if differentiable]
    given: list[Any] = []
    for name, output, gradient in zip(op.outputs, outputs, gradients, strict=False):
        if output is None:
            given.append(None)
            continue
        if gradient is not None and tuple(gradient.shape) != tuple(output.shape):
            raise ValueError(
                f"{op.name}: the gradient of {name} is {tuple(gradient.shape)} but {name} is {tuple(output.shape)}"
            )
        given.append(np.zeros(output.shape) if gradient is None else arrays.to_numpy(gradient))
    made = getattr(reference, op.name + "_backward")(*given, *host)
    result: list[Any] = []
    for value, gradient, is_wanted in zip(call.arguments, made, wanted, strict=False):
        if gradient is None or not is_wanted or value is None:
            result.append(None)
        else:
            value = unpacked(value)
            result.append(arrays.from_numpy(gradient.astype(arrays.to_numpy(value).dtype), value))
    return tuple(result)


def pack_weight(op: str, weight: Any) -> Any:
    """Return a weight with its panels for the kernels: `functional` takes it in the weight's place.

    The panels are made at the first call and again where the instruction set changes; the array must not be written to.

    Parameters
    ----------
    op : {"linear", "conv"}
        The op that the weight is for.
    weight : array
        The weight, in host memory.
    """
    if op not in ("linear", "conv"):
        raise ValueError(f"pack_weight: op is {op!r} but must be 'linear' or 'conv'")
    return _cpu.PackedWeight(weight)


_cpu.set_fallback(dispatch)
