"""Sizes: one number, or one for each spatial dimension; shapes."""

from __future__ import annotations

import operator
from typing import Any

__all__ = ["shape", "sizes"]


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


def shape(op: str, name: str, value: Any) -> tuple[int, ...]:
    """Return `value`, an integer or a sequence of them, as a tuple."""
    try:
        return tuple(map(operator.index, value)) if isinstance(value, (tuple, list)) else (operator.index(value),)
    except TypeError:
        raise TypeError(f"{op}: {name} must be an integer or a sequence of integers, got {value!r}") from None
