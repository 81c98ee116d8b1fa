"""Where parameters live: copies of an array in another dtype, array library or device.

Layers, optimizers and files keep arrays for a long time and move them rarely; nothing here runs in a layer's call.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["FLOAT_DTYPES", "Placement", "cast", "dtype_name", "is_real", "library", "like", "numpy_dtype", "to_numpy"]

Array = Any

FLOAT_DTYPES = ("float32", "bfloat16", "float16", "float64")


def library(value: object) -> str | None:
    """Name of the library whose array `value` is, "numpy", "torch", "cupy" or "jax"; None for what is no array."""
    if isinstance(value, np.ndarray):
        return "numpy"
    for name, attribute in (("torch", "Tensor"), ("cupy", "ndarray"), ("jax", "Array")):
        kind = getattr(sys.modules.get(name), attribute, None)  # an array's library has been imported
        if kind is not None and isinstance(value, kind):
            return name
    return None


def dtype_name(dtype: object) -> str:
    """Name of a dtype given as a name or as an object of NumPy, ml_dtypes, CuPy, JAX or PyTorch."""
    if isinstance(dtype, str):
        return dtype
    text = str(dtype)
    return text.removeprefix("torch.") if text.startswith("torch.") else np.dtype(dtype).name  # type: ignore[call-overload]


def is_real(dtype: object) -> bool:
    """Whether the dtype is one of integers, booleans or real floating-point numbers."""
    return dtype_name(dtype).startswith(("float", "bfloat", "int", "uint", "bool"))


def numpy_dtype(name: str) -> np.dtype[Any]:
    """NumPy's dtype of this name; bfloat16 is ml_dtypes'."""
    if name != "bfloat16":
        return np.dtype(name)
    try:
        import ml_dtypes
    except ImportError:
        raise ImportError("bfloat16 in NumPy needs ml_dtypes: pip install 'fastnets[bfloat16]'") from None
    return np.dtype(ml_dtypes.bfloat16)


def to_numpy(array: Array) -> np.ndarray[Any, np.dtype[Any]]:
    """The values of any library's array as NumPy, on the host; shares memory where it can."""
    kind = library(array)
    if kind == "torch":
        host = array.detach().cpu()
        if dtype_name(host.dtype) == "bfloat16":  # torch's NumPy bridge does not know it
            return _torch_bits(host).numpy().view(numpy_dtype("bfloat16"))  # type: ignore[no-any-return]
        return host.numpy()  # type: ignore[no-any-return]
    if kind == "cupy":
        return array.get()  # type: ignore[no-any-return]
    return np.asarray(array)


def cast(array: Array, dtype: str) -> Array:
    """`array` in the dtype of this name, same library and device; itself where nothing changes."""
    if library(array) == "torch":
        import torch

        return array.to(getattr(torch, dtype))
    return array.astype(numpy_dtype(dtype), copy=False)


def like(values: Array, target: Array) -> Array:
    """A fresh copy of `values` with the library, device and dtype of `target`."""
    dtype, kind = dtype_name(target.dtype), library(target)
    if kind == "torch":
        import torch

        source = values if library(values) == "torch" else _torch_from_numpy(to_numpy(values))
        return source.detach().to(
            device=target.device, dtype=target.dtype, copy=True, memory_format=torch.preserve_format
        )
    if kind == "cupy":
        with target.device:
            source = values if library(values) == "cupy" else _cupy().asarray(to_numpy(values))
            return source.astype(target.dtype, copy=True)
    return np.array(to_numpy(values), dtype=numpy_dtype(dtype), order="C")


def _cupy() -> Any:
    try:
        import cupy
    except ImportError:
        raise ImportError(
            "parameters on a GPU are CuPy arrays, which needs CuPy: pip install 'fastnets[cuda]'"
        ) from None
    return cupy


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise ImportError("parameters as torch tensors need PyTorch: pip install 'fastnets[torch]'") from None
    return torch


def _torch_bits(tensor: Array) -> Array:
    return tensor.contiguous().view(_torch().int16)


def _torch_from_numpy(array: np.ndarray[Any, np.dtype[Any]]) -> Array:
    torch = _torch()
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(np.array(array, order="C").view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(np.array(array, order="C"))


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
        if self.dtype is not None and dtype_name(array.dtype) in FLOAT_DTYPES:
            array = cast(array, self.dtype)
        if self.library == "torch" and library(array) != "torch":
            array = _torch().from_dlpack(array) if library(array) == "cupy" else _torch_from_numpy(to_numpy(array))
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
        name = dtype_name(target)
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


def _names_a_dtype(name: str) -> bool:
    try:
        np.dtype(name)
    except TypeError:
        return False
    return True
