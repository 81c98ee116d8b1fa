"""Where parameters live: copies of an array in another dtype, array library or device.

Layers, optimizers and files keep arrays for a long time and move them rarely; nothing here runs in a layer's call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import bfloat16, dtype_name, from_numpy, library, to_numpy

__all__ = [
    "FLOAT_DTYPES",
    "Placement",
    "cast",
    "is_real",
    "like",
    "name_of",
    "numpy_dtype",
    "same_place",
    "state_dtype",
    "zeros_like",
]

Array = Any

FLOAT_DTYPES = ("float32", "bfloat16", "float16", "float64")


def name_of(dtype: object) -> str:
    """Name of a dtype given as a name or as an object of NumPy, ml_dtypes, CuPy, JAX or PyTorch."""
    if isinstance(dtype, str):
        return dtype
    text = str(dtype)
    return text.removeprefix("torch.") if text.startswith("torch.") else np.dtype(dtype).name  # type: ignore[call-overload]


def is_real(dtype: object) -> bool:
    """Whether the dtype is one of integers, booleans or real floating-point numbers."""
    return name_of(dtype).startswith(("float", "bfloat", "int", "uint", "bool"))


def numpy_dtype(name: str) -> np.dtype[Any]:
    """NumPy's dtype of this name; bfloat16 is ml_dtypes'."""
    return bfloat16() if name == "bfloat16" else np.dtype(name)


def cast(array: Array, dtype: str) -> Array:
    """`array` in the dtype of this name, same library and device; itself where nothing changes."""
    if library(array) == "torch":
        import torch

        return array.to(getattr(torch, dtype))
    return array.astype(numpy_dtype(dtype), copy=False)


def like(values: Array, target: Array, dtype: str | None = None) -> Array:
    """A fresh copy of `values` with the library, device and (unless another is named) dtype of `target`."""
    dtype = dtype or dtype_name(target)
    kind = library(target)
    if kind == "torch":
        source = values if library(values) == "torch" else from_numpy(np.array(to_numpy(values)), target)
        return source.detach().to(device=target.device, dtype=getattr(_torch(), dtype), copy=True)
    if kind == "cupy":
        with target.device:
            source = values if library(values) == "cupy" else from_numpy(to_numpy(values), target)
            return source.astype(numpy_dtype(dtype), copy=True)
    copy = np.empty(tuple(values.shape), numpy_dtype(dtype))
    copy[...] = to_numpy(values)
    return copy


def zeros_like(array: Array, dtype: str) -> Array:
    """Zeros of the array's shape, strides, library and device."""
    kind = library(array)
    if kind == "torch":
        torch = _torch()
        return torch.zeros_like(array, dtype=getattr(torch, dtype), requires_grad=False)
    return (_cupy() if kind == "cupy" else np).zeros_like(array, dtype=numpy_dtype(dtype))


def state_dtype(array: Array) -> str:
    """Name of the dtype of sums over an array, and of what optimizers keep for it: float32, float64 for float64."""
    return "float64" if dtype_name(array) == "float64" else "float32"


def same_place(a: Array, b: Array) -> bool:
    """Whether two arrays belong to one library and live on one device."""
    return library(a) == library(b) and getattr(a, "device", None) == getattr(b, "device", None)


def _cupy() -> Any:
    try:
        import cupy
    except ImportError:
        raise ImportError(
            "parameters on a GPU are CuPy arrays, which needs CuPy: pip install 'fastnets[cupy]'"
        ) from None
    return cupy


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise ImportError("parameters as torch tensors need PyTorch: pip install 'fastnets[peers]'") from None
    return torch


@dataclass(frozen=True)
class Placement:
    """What ``module.to(…)`` asks for: None leaves the library, the device or the dtype as it is.

    Attributes
    ----------
    library : "numpy", "torch" or None
        The array library asked for by name.
    device : str or None
        "cpu", "cuda" or "cuda:INDEX". NumPy arrays sent to "cuda" become CuPy's, CuPy arrays sent to "cpu" NumPy's;
        torch tensors stay torch tensors.
    dtype : str or None
        One of `FLOAT_DTYPES`; arrays of integers keep theirs.
    """

    library: str | None = None
    device: str | None = None
    dtype: str | None = None

    @classmethod
    def parse(cls, *targets: object) -> Placement:
        """Read devices, dtypes (names or objects) and library names, in any order; a later one replaces an earlier.

        Raises
        ------
        ValueError
            For a name that is none of these.
        TypeError
            For a dtype that no layer serves, such as int8.
        """
        found: dict[str, str] = {}
        for target in targets:
            kind, name = _classify(target)
            found[kind] = name
        return cls(**found)

    def place(self, array: Array) -> Array:
        """`array` as asked for; itself where nothing changes."""
        if self.dtype is not None and dtype_name(array) in FLOAT_DTYPES:
            array = cast(array, self.dtype)
        if self.library == "torch" and library(array) != "torch":
            array = _to_torch(array)
        elif self.library == "numpy":
            array = to_numpy(array)
        return array if self.device is None else self._move(array, self.device)

    def _move(self, array: Array, device: str) -> Array:
        if library(array) == "torch":
            return array.to(device)
        if device == "cpu":
            return to_numpy(array)
        if self.library == "numpy":
            raise ValueError(f"to: NumPy arrays do not live on {device!r}")
        cupy = _cupy()
        index = device.partition(":")[2]
        with cupy.cuda.Device(int(index)) if index else cupy.cuda.Device():
            return cupy.asarray(array)


def _classify(target: object) -> tuple[str, str]:
    """Which field of a `Placement` the target sets, and its value there."""
    if isinstance(target, str):
        name = target
    elif type(target).__module__ == "torch" and type(target).__name__ == "device":
        name = str(target)
    elif target is None:
        raise TypeError("to: expected a device, a dtype or an array library but got None")
    else:
        name = name_of(target)
    if name in ("torch", "numpy"):
        return "library", name
    if name in FLOAT_DTYPES:
        return "dtype", name
    kind, _, index = name.partition(":")
    if name == "cpu" or (kind == "cuda" and (name == kind or index.isdecimal())):
        return "device", name
    if isinstance(target, str) and not _names_a_dtype(name):
        raise ValueError(
            f"to: {target!r} is neither a device (cpu, cuda, cuda:0, …), nor a dtype ({', '.join(FLOAT_DTYPES)}), "
            "nor an array library (numpy, torch)"
        )
    raise TypeError(f"to: parameters cannot be {name}; expected one of {', '.join(FLOAT_DTYPES)}")


def _to_torch(array: Array) -> Array:
    torch = _torch()
    if library(array) == "cupy":
        return torch.from_dlpack(array)
    return from_numpy(np.array(array), like=torch.empty(0))


def _names_a_dtype(name: str) -> bool:
    try:
        np.dtype(name)
    except TypeError:
        return False
    return True
