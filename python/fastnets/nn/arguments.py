"""Checks of constructor arguments that layers share; each error names the layer, the argument, its value, the rule."""

from __future__ import annotations

import math
import operator
from typing import Any

__all__ = ["activation", "flag", "integer", "per_dimension", "positive", "probability", "shape"]

_ACTIVATIONS = ("relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid")


def integer(layer: str, name: str, value: Any, least: int | None = None, most: int | None = None) -> int:
    """`value` as an int, of at least `least` and at most `most` if given."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{layer}: {name} is {value!r} but an integer is expected") from None
    if least is not None and number < least:
        raise ValueError(f"{layer}: {name} is {number} but at least {least} is expected")
    if most is not None and number > most:
        raise ValueError(f"{layer}: {name} is {number} but at most {most} is expected")
    return number


def flag(layer: str, name: str, value: Any) -> bool:
    """`value`, which is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{layer}: {name} is {value!r} but True or False is expected")
    return value


def per_dimension(layer: str, name: str, value: Any, dimensions: int, least: int) -> tuple[int, ...]:
    """One int for each spatial dimension, from one for all or a sequence of them."""
    if not isinstance(value, (tuple, list)):
        return (integer(layer, name, value, least),) * dimensions
    if len(value) != dimensions:
        raise ValueError(f"{layer}: {name} is {tuple(value)} but one integer or {dimensions} of them are expected")
    return tuple(integer(layer, name, each, least) for each in value)


def probability(layer: str, name: str, value: Any) -> float:
    """`value` as a float in [0, 1]."""
    if not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{layer}: {name} is {value!r} but a number in [0, 1] is expected")
    return float(value)


def shape(layer: str, name: str, value: Any) -> tuple[int, ...]:
    """`value`, one int or a sequence of them, as a tuple."""
    sizes = value if isinstance(value, (tuple, list)) else (value,)
    return tuple(integer(layer, name, each, least=0) for each in sizes)


def positive(layer: str, name: str, value: Any, or_zero: bool = False) -> float:
    """`value` as a finite float above 0, or 0 where that is allowed."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 <= value < math.inf or (value == 0 and not or_zero):
        raise ValueError(
            f"{layer}: {name} is {value!r} but a number {'of at least' if or_zero else 'above'} 0 is expected"
        )
    return float(value)


def activation(layer: str, value: str | None) -> str | None:
    """`value`, one of the activations that linear and convolution fuse, or None."""
    if value is not None and value not in _ACTIVATIONS:
        raise ValueError(f"{layer}: activation is {value!r} but None or one of {', '.join(_ACTIVATIONS)} is expected")
    return value
