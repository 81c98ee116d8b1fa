"""Arrays taken apart, put together, seen in another shape and added, in the terms of their own library.

Torch's autograd and JAX follow these by themselves; a `fastnets.vjp` that records finds them on its tape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from . import arrays, backends

__all__ = ["Step", "add", "constant", "join", "rearrange", "record_step", "split"]


@dataclass
class Step:
    """What was done beside the ops, on a tape: `pull` takes a gradient for each output to one for each input."""

    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    pull: Callable[[tuple[Any, ...]], tuple[Any, ...]]


def split(array: Any, count: int | None = None, *, sizes: Sequence[int] | None = None) -> tuple[Any, ...]:
    """Return `count` equal parts of an array along its first dimension, or parts of these sizes, as views."""
    if sizes is None:
        assert count is not None
        sizes = (array.shape[0] // count,) * count
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    parts = tuple(array[end - size : end] for end, size in zip(ends, sizes, strict=True))
    record_step((array,), parts, lambda gradients: (_concatenated(filled(gradients, parts)),))
    return parts


def join(parts: Sequence[Any], axis: int = 0) -> Any:
    """Return arrays one after the other in a new one."""
    if len(parts) == 1:
        return parts[0]
    joined, sizes = _concatenated(parts, axis), [part.shape[axis] for part in parts]

    def pull(gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        gradient = gradients[0].swapaxes(0, axis)
        ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
        return tuple(gradient[end - size : end].swapaxes(0, axis) for end, size in zip(ends, sizes, strict=True))

    record_step(tuple(parts), (joined,), pull)
    return joined


def add(a: Any, b: Any) -> Any:
    """Return the sum of two arrays of one shape."""
    total = a + b
    record_step((a, b), (total,), lambda gradients: (gradients[0], gradients[0]))
    return total


def rearrange(array: Any, there: Callable[[Any], Any], back: Callable[[Any], Any]) -> Any:
    """Return ``there(array)``; `back` takes the gradient of that to the gradient of the array."""
    made = there(array)
    if made is not array:
        record_step((array,), (made,), lambda gradients: (back(gradients[0]),))
    return made


def constant(array: Any) -> Any:
    """Return the array; a tape knows of it from now on, and that no gradient goes through it."""
    record_step((), (array,), lambda gradients: ())
    return array


def record_step(inputs: tuple[Any, ...], outputs: tuple[Any, ...], pull: Callable[..., Any]) -> None:
    """Put what was done on the tape, where a `fastnets.vjp` records."""
    tape = backends.current_mode().tape
    if tape is not None:
        tape.append(Step(inputs, outputs, pull))


def filled(gradients: Sequence[Any], parts: Sequence[Any]) -> list[Any]:
    """The gradients, zeros for those that are missing."""
    return [0 * arrays.ones_like(p) if g is None else g for g, p in zip(gradients, parts, strict=True)]


def _concatenated(parts: Sequence[Any], axis: int = 0) -> Any:
    return arrays.namespace(parts[0]).concatenate(tuple(parts), axis=axis)
