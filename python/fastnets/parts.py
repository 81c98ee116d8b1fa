"""Arrays taken apart and put together along the first dimension, in the terms of their own library.

Torch's autograd and JAX follow these by themselves; a `fastnets.vjp` that records finds them on its tape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import arrays, backends

__all__ = ["Rearrangement", "join", "split"]


@dataclass
class Rearrangement:
    """What was done, on a tape: `pull` takes a gradient for each output to one for each input."""

    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    pull: Callable[[tuple[Any, ...]], tuple[Any, ...]]


def split(array: Any, count: int) -> tuple[Any, ...]:
    """Return `count` equal parts of an array, as views where its library has them."""
    size = array.shape[0] // count
    parts = tuple(array[i * size : (i + 1) * size] for i in range(count))
    _record((array,), parts, lambda gradients: (_concatenated(_filled(gradients, parts)),))
    return parts


def join(parts: Sequence[Any]) -> Any:
    """Return arrays of one shape one after the other in a new one."""
    if len(parts) == 1:
        return parts[0]
    joined, size = _concatenated(parts), parts[0].shape[0]

    def pull(gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(gradients[0][i * size : (i + 1) * size] for i in range(len(parts)))

    _record(tuple(parts), (joined,), pull)
    return joined


def _record(inputs: tuple[Any, ...], outputs: tuple[Any, ...], pull: Callable[..., Any]) -> None:
    tape = backends.current_mode().tape
    if tape is not None:
        tape.append(Rearrangement(inputs, outputs, pull))


def _filled(gradients: tuple[Any, ...], parts: tuple[Any, ...]) -> list[Any]:
    """The gradients, zeros for those that are missing."""
    return [0 * arrays.ones_like(p) if g is None else g for g, p in zip(gradients, parts, strict=True)]


def _concatenated(parts: Sequence[Any]) -> Any:
    kind = arrays.library(parts[0])
    if kind == "torch":
        import torch

        return torch.cat(tuple(parts))
    if kind == "jax":
        import jax

        return jax.numpy.concatenate(parts)
    if kind == "cupy":
        import cupy

        return cupy.concatenate(parts)
    return np.concatenate(parts)
