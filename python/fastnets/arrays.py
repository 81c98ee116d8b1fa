"""Which library an array belongs to, and the way to NumPy and back.

NumPy arrays and torch tensors are read by the compiled modules themselves; what stands here serves the others, the
reference backend and error messages.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np

_CLASSES = {
    "numpy": ("numpy", "ndarray"),
    "torch": ("torch", "Tensor"),
    "cupy": ("cupy", "ndarray"),
    "jax": ("jax", "Array"),
}
_WORDS = {"numpy": "a NumPy array", "torch": "a torch tensor", "cupy": "a CuPy array", "jax": "a JAX array"}


def library(value: Any) -> str | None:
    """Return "numpy", "torch", "cupy" or "jax" for an array of that library, None for anything else.

    A library that has not been imported is not imported for it.
    """
    if type(value) is np.ndarray:
        return "numpy"
    for name, (module, attribute) in _CLASSES.items():
        loaded = sys.modules.get(module)
        kind = getattr(loaded, attribute, None)
        if kind is not None and isinstance(value, kind):
            return name
    return None


def common_library(op: str, names: list[str], values: tuple[Any, ...]) -> str:
    """Return the library of all arrays of a call; TypeError where there is none, or more than one."""
    first = ""
    found = None
    for name, value in zip(names, values, strict=True):
        if value is None:
            continue
        kind = library(getattr(value, "array", value) if type(value).__name__ == "PackedWeight" else value)
        if kind is None:
            raise TypeError(f"{op}: {name} must be a NumPy, CuPy, PyTorch or JAX array, got {type(value).__name__}")
        if found is None:
            first, found = name, kind
        elif kind != found:
            raise TypeError(
                f"{op}: {first} is {_WORDS[found]} but {name} is {_WORDS[kind]}; "
                "all arrays of a call must belong to one library"
            )
    if found is None:
        raise TypeError(f"{op}: {names[0]} must be a NumPy, CuPy, PyTorch or JAX array, got None")
    return found


def bfloat16() -> np.dtype[Any]:
    """Return NumPy's bfloat16, which the package ml_dtypes defines."""
    try:
        import ml_dtypes
    except ImportError as error:
        raise ImportError("bfloat16 in NumPy needs the package ml_dtypes: pip install ml_dtypes") from error
    return np.dtype(ml_dtypes.bfloat16)


def dtype_name(value: Any) -> str:
    """Return the name of an array's dtype as NumPy writes it ("float32", "bfloat16", "int64", …)."""
    return _written(value.dtype)


@cache
def _written(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def to_numpy(value: Any) -> np.ndarray[Any, Any]:
    """Return the values of an array of any library as a NumPy array, without a copy where it lies in host memory."""
    kind = library(value)
    if kind == "torch":
        import torch

        value = value.detach().cpu()
        if value.dtype == torch.bfloat16:
            return value.view(torch.int16).numpy().view(bfloat16())
        return value.numpy()
    if kind == "cupy":
        return value.get()
    return np.asarray(value)


def from_numpy(value: np.ndarray[Any, Any], like: Any) -> Any:
    """Return `value` as an array of the library and device of `like`."""
    kind = library(like)
    if kind == "torch":
        import torch

        if any(stride < 0 for stride in value.strides):  # which torch does not have
            value = np.ascontiguousarray(value)
        if value.dtype.name == "bfloat16":
            made = torch.from_numpy(value.view(np.int16)).view(torch.bfloat16)
        else:
            made = torch.from_numpy(value)
        return made.to(like.device)
    if kind == "jax":
        import jax

        return jax.numpy.asarray(value)
    if kind == "cupy":
        import cupy

        return cupy.asarray(value)
    return value


def beside(array: Any, value: Any) -> Any:
    """Return a NumPy array as one of the library and device of `array`, anything else as it is."""
    if not isinstance(value, np.ndarray) or library(array) in (None, "numpy"):
        return value
    return from_numpy(value, array)


def assign(target: Any, value: np.ndarray[Any, Any]) -> None:
    """Write values into an array of any library whose arrays can be written to, in its dtype."""
    kind = library(target)
    if kind == "jax":
        raise TypeError("JAX arrays cannot be updated in place")
    if kind == "torch":
        target.copy_(from_numpy(np.ascontiguousarray(value), target))
    else:
        target[...] = from_numpy(value.astype(target.dtype), target)


def ones_like(value: Any) -> Any:
    """Return an array of ones with the shape, dtype, library and device of `value`."""
    return from_numpy(np.ones(tuple(value.shape), to_numpy(value).dtype), value)


def namespace(value: Any) -> Any:
    """Return the module with the functions of the library of an array: numpy, torch, cupy or jax.numpy."""
    kind = library(value)
    if kind == "torch":
        import torch

        return torch
    if kind == "jax":
        import jax

        return jax.numpy
    if kind == "cupy":
        import cupy

        return cupy
    return np


def zeros(shape: tuple[int, ...], like: Any) -> Any:
    """Return zeros with the dtype, library and device of `like`."""
    if library(like) == "torch":
        return like.new_zeros(shape)
    return from_numpy(np.zeros(shape, like.dtype), like)


def alias(value: Any) -> Any:
    """Return another array object with the same values, in the same memory where the library allows it."""
    kind = library(value)
    if kind == "torch":
        return value.view_as(value)
    return value[...] if kind == "jax" else value.view()
