"""Sizes: one number, or one for each spatial dimension; shapes."""

from __future__ import annotations

import operator
from typing import Any

__all__ = ["adaptive_sizes", "shape", "sizes"]


def sizes(op: str, name: str, value: Any, rank: int) -> tuple[int, ...]:
    """Return `value`, an integer or a sequence of `rank` (or one) integers, as a tuple of `rank` integers."""
    items = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    try:
        numbers = tuple(operator.index(item) for item in items)
    except TypeError:
        raise TypeError(f"{op}: {name} must be an integer or {rank} integers, got {value!r}") from None
    if len(numbers) == 1:
        return numbers * rank
    if len(numbers) != rank:
        raise ValueError(f"{op}: {name} is {value!r} but must be an integer or {rank} integers")
    return numbers


def adaptive_sizes(op: str, value: Any, rank: int) -> tuple[int, ...]:
    """Return `value`, an output size or a sequence of `rank` of them, as the ops take it: −1 for None."""
    items = tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank
    if len(items) != rank:
        raise ValueError(f"{op}: output_size is {value!r} but must be an integer, None or {rank} of them")
    try:
        wanted = tuple(-1 if item is None else operator.index(item) for item in items)
    except TypeError:
        raise TypeError(f"{op}: output_size must be an integer, None or {rank} of them, got {value!r}") from None
    if any(item is not None and size < 0 for item, size in zip(items, wanted, strict=True)):
        raise ValueError(f"{op}: output_size is {value!r} but must be at least 0")
    return wanted


def shape(op: str, name: str, value: Any) -> tuple[int, ...]:
    """Return `value`, an integer or a sequence of them, as a tuple."""
    try:
        return tuple(map(operator.index, value)) if isinstance(value, (tuple, list)) else (operator.index(value),)
    except TypeError:
        raise TypeError(f"{op}: {name} must be an integer or a sequence of integers, got {value!r}") from None
