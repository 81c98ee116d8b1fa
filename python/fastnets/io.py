"""Files of arrays: safetensors, through the `safetensors` package, and what PyTorch has saved, through PyTorch."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from . import arrays, placement

__all__ = ["load_safetensors", "load_torch", "save_safetensors"]

Array = Any

# The format's dtypes that NumPy has, with ml_dtypes for bfloat16.
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}


def load_safetensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray[Any, Any]]:
    """Read a safetensors file.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    dict of str to numpy.ndarray
        Writable arrays with the file's names, shapes and dtypes; bfloat16 is ml_dtypes'.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If the file cannot be read.
    ValueError
        If it is no safetensors file, or damaged, or holds a dtype that NumPy does not have.
    ImportError
        If safetensors, or ml_dtypes for bfloat16, is missing; names the extra that brings it.

    References
    ----------
    https://huggingface.co/docs/safetensors/index#format

    Examples
    --------
    >>> import os, tempfile, numpy as np, fastnets as fn
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "layer.safetensors")
    ...     fn.io.save_safetensors(fn.nn.Linear(2, 3).state_dict(), path)
    ...     sorted(fn.io.load_safetensors(path))
    ['bias', 'weight']
    """
    safetensors = _safetensors("load_safetensors")
    content = Path(path).read_bytes()
    try:
        entries = safetensors.deserialize(content)
    except safetensors.SafetensorError as error:
        raise ValueError(f"load_safetensors: {os.fspath(path)} is not a readable safetensors file: {error}") from None
    return {name: _array(path, name, entry) for name, entry in entries}


def load_torch(path: str | os.PathLike[str]) -> dict[str, np.ndarray[Any, Any]]:
    """Read the tensors that ``torch.save(model.state_dict(), path)`` has written. Nothing in the file is executed.

    Parameters
    ----------
    path : str or path-like
        The file, of a mapping of names to tensors; one that holds more, such as an optimizer's state, may have them
        under "state_dict" or "model_state_dict".

    Returns
    -------
    dict of str to numpy.ndarray
        Writable arrays with the file's names, shapes and dtypes; bfloat16 is ml_dtypes'.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If the file cannot be read.
    ValueError
        If it is no such file, or holds anything but tensors under the names.
    ImportError
        If PyTorch is missing, or ml_dtypes for bfloat16.

    References
    ----------
    https://docs.pytorch.org/docs/stable/notes/serialization.html

    Examples
    --------
    >>> import fastnets as fn
    >>> model.load_state_dict(fn.io.load_torch("resnet50.pth"))  # doctest: +SKIP
    """
    try:
        import torch
    except ImportError:
        raise ImportError("load_torch needs PyTorch: pip install torch") from None
    where = f"load_torch: {os.fspath(path)}"
    with Path(path).open("rb") as file:
        try:
            found = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # of many kinds: of the archive, the pickle, or what it asks for
            raise ValueError(f"{where} is not a readable file of tensors: {str(error).splitlines()[0]}") from None
    if isinstance(found, Mapping):
        found = next((found[key] for key in ("state_dict", "model_state_dict") if key in found), found)
    if not isinstance(found, Mapping):
        raise ValueError(f"{where} holds {type(found).__name__} but a mapping of names to tensors is expected")
    for name, value in found.items():
        if not isinstance(value, torch.Tensor):
            raise ValueError(f"{where} holds {type(value).__name__} under {name!r} but a tensor is expected")
    return {str(name): np.array(arrays.to_numpy(value.detach())) for name, value in found.items()}


def _array(path: str | os.PathLike[str], name: str, entry: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    dtype = _DTYPES.get(entry["dtype"])
    if dtype is None:
        raise ValueError(f"load_safetensors: {os.fspath(path)}: {name} is {entry['dtype']}; NumPy has no such dtype")
    array = np.frombuffer(entry["data"], placement.numpy_dtype(dtype)).reshape(
        entry["shape"]
    )  # writable: a bytearray's
    return array if sys.byteorder == "little" else array.byteswap()  # the format is little-endian


def save_safetensors(
    tensors: Mapping[str, Array], path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """Write arrays to a safetensors file, whole or not at all: a reader never sees half of it.

    Parameters
    ----------
    tensors : mapping of str to array
        Arrays of any library and any strides, such as ``model.state_dict()``.
    path : str or path-like
        The file; it is replaced if it exists.
    metadata : mapping of str to str, optional
        Text that the file carries along.

    Raises
    ------
    TypeError
        For what is no mapping of names to arrays, for a dtype that the format does not have, for metadata that is not
        text.
    FileNotFoundError, IsADirectoryError, PermissionError
        If the file cannot be written there.
    ImportError
        If safetensors is missing; names the extra that brings it.

    Examples
    --------
    >>> import os, tempfile, numpy as np, fastnets as fn
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "a.safetensors")
    ...     fn.io.save_safetensors({"a": np.arange(6).reshape(2, 3).T}, path)
    ...     fn.io.load_safetensors(path)["a"].tolist()
    [[0, 3], [1, 4], [2, 5]]
    """
    safetensors = _safetensors("save_safetensors")
    if not isinstance(tensors, Mapping):
        raise TypeError(
            f"save_safetensors: expected a mapping of names to arrays, such as model.state_dict(), "
            f"but got {type(tensors).__name__}"
        )
    entries = {name: _contiguous(name, value) for name, value in tensors.items()}
    for key, value in (metadata or {}).items():
        if not (isinstance(key, str) and isinstance(value, str)):
            raise TypeError(f"save_safetensors: metadata is text, but {key!r} is {value!r}")
    _replace(Path(path), safetensors.numpy.save(entries, metadata=dict(metadata) if metadata else None))


def _contiguous(name: Any, value: Array) -> np.ndarray[Any, Any]:
    """The value as a C-contiguous NumPy array of this machine's byte order."""
    if not isinstance(name, str):
        raise TypeError(f"save_safetensors: names are strings, but one is {name!r}")
    if arrays.library(value) is None and not isinstance(value, np.generic):
        raise TypeError(f"save_safetensors: {name} is {type(value).__name__}; expected an array")
    array = arrays.to_numpy(value)
    if array.dtype.name not in _DTYPES.values():
        raise TypeError(f"save_safetensors: {name} is {array.dtype}; expected one of {', '.join(_DTYPES.values())}")
    return np.asarray(array, array.dtype.newbyteorder("="), order="C")


def _replace(path: Path, content: bytes) -> None:
    """Write beside the file, then rename: the name always belongs to a whole file."""
    if path.is_dir():
        raise IsADirectoryError(f"save_safetensors: {path} is a folder; expected the name of a file")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save_safetensors: the folder {path.parent} does not exist")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _safetensors(caller: str) -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(f"{caller} needs safetensors: pip install 'fastnets[demo]'") from None
    return safetensors
