"""Arrays of the same values with other strides. Memory between the elements is poisoned, to be read by nobody."""

import numpy as np

_GAP = 3  # elements between rows: not a multiple of any vector


def _poisoned(shape, dtype):
    return np.full(shape, -(2**30) if dtype.kind == "i" else np.nan, dtype)


def _rows(values):
    """A column slice of a wider matrix: a gap after each row."""
    buffer = _poisoned((*values.shape[:-1], values.shape[-1] + _GAP), values.dtype)
    buffer[..., : values.shape[-1]] = values
    return buffer[..., : values.shape[-1]]


def _strided(values):
    """Every second element of the last dimension."""
    buffer = _poisoned((*values.shape[:-1], 2 * values.shape[-1]), values.dtype)
    buffer[..., ::2] = values
    return buffer[..., ::2]


def _offset(values):
    """Contiguous, but one element away from any alignment."""
    buffer = _poisoned((values.size + 1,), values.dtype)
    buffer[1:] = values.reshape(-1)
    return buffer[1:].reshape(values.shape)


def _readonly(values):
    values = np.array(values, order="C")
    values.flags.writeable = False
    return values


LAYOUTS = {
    "contiguous": np.ascontiguousarray,
    "transposed": np.asfortranarray,  # the first dimension innermost
    "channels_last": lambda values: np.moveaxis(np.ascontiguousarray(np.moveaxis(values, 1, -1)), -1, 1),
    "rows": _rows,
    "strided": _strided,
    "negative": lambda values: np.flip(np.ascontiguousarray(np.flip(values))),
    "broadcast": lambda values: np.broadcast_to(values[:1], values.shape),  # stride 0: the first row for all
    "offset": _offset,
    "readonly": _readonly,
}


def lay_out(values, layout):
    """The values (under ``broadcast``, the first row's) as an array with the layout's strides."""
    return LAYOUTS[layout](values) if values.ndim else values
