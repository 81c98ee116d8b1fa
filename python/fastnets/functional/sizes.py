"""One number, or one for each spatial dimension."""

from __future__ import annotations

import operator
from typing import Any

__all__ = ["sizes"]


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
