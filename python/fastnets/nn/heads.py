"""Features as heads and back. The heads are views wherever the array library has them."""

from __future__ import annotations

from enum import Enum
from typing import Any

from .. import arrays, parts
from .tree import Array

__all__ = ["Layout", "merge", "split"]


class Layout(Enum):
    """How the dimensions of a layer's arrays lie."""

    BATCH_FIRST = "(…, L, E): heads are (…, H, L, D)"
    LENGTH_FIRST = "(L, N, E): heads are (N, H, L, D)"
    PACKED = "(total, E): heads are (total, H, D)"


def split(array: Array, count: int, heads: int, layout: Layout) -> tuple[Array, ...]:
    """The heads of `count` arrays whose features stand side by side in one."""
    *lead, width = array.shape
    apart = array.reshape(*lead, count, heads, width // (count * heads))
    made = tuple(_outward(apart[..., i, :, :], layout) for i in range(count))

    def pull(gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        inward = [_inward(g, layout) for g in parts.filled(gradients, made)]
        return (arrays.namespace(array).stack(inward, -3).reshape(array.shape),)

    parts.record_step((array,), made, pull)
    return made


def merge(array: Array, layout: Layout) -> Array:
    """The features of all heads side by side."""
    *_, heads, size = inward_shape = _inward(array, layout).shape

    def there(of_heads: Array) -> Array:
        return _inward(of_heads, layout).reshape(*inward_shape[:-2], heads * size)

    return parts.rearrange(array, there, lambda g: _outward(g.reshape(inward_shape), layout))


def _outward(array: Array, layout: Layout) -> Array:
    """From (…, L, H, D)."""
    if layout is Layout.PACKED:
        return array
    if layout is Layout.LENGTH_FIRST:
        array = array.swapaxes(0, 1)
    return array.swapaxes(-3, -2)


def _inward(array: Array, layout: Layout) -> Array:
    """To (…, L, H, D)."""
    if layout is Layout.PACKED:
        return array
    array = array.swapaxes(-3, -2)
    return array.swapaxes(0, 1) if layout is Layout.LENGTH_FIRST else array
