"""What an op would return for tensors that need not exist, with sizes that may be symbols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from .. import _cpu
from ..backends import Op

# How far a symbolic size is moved to see what follows it: steps that no stride or kernel size divides all of.
_STEPS = (1, 2, 1 << 20)


@dataclass
class Described:
    """A tensor's sizes, strides in elements, and dtype."""

    sizes: list[Any]
    strides: list[Any]
    dtype: torch.dtype


def row_major_strides(sizes: Sequence[Any]) -> list[Any]:
    strides: list[Any] = []
    step: Any = 1
    for size in reversed(sizes):
        strides.insert(0, step)
        step = step * size
    return strides


def channels_last_strides(sizes: Sequence[Any]) -> list[Any]:
    """The strides of dense memory with dimension 1 innermost."""
    inner = row_major_strides([sizes[0], *sizes[2:], sizes[1]])
    return [inner[0], inner[-1], *inner[1:-1]]


def is_channels_last(tensor: torch.Tensor) -> bool:
    """Whether the compiled modules take a tensor for channels-last memory."""
    if tensor.dim() < 3 or tensor.is_contiguous():
        return False
    wanted = channels_last_strides(tensor.shape)
    return all(n == 1 or s == w for n, s, w in zip(tensor.shape, tensor.stride(), wanted, strict=True))


def infer(op: Op, arguments: tuple[Any, ...], save: bool) -> list[Described | None]:
    """Describe the outputs of an op and what it saves; None for what is not there.

    The compiled module knows sizes as numbers. A size of the result that moves with a symbolic size, step by step, is
    that symbol plus a constant; a symbol that any size follows in another way becomes the number that it is.
    """
    n = len(op.inputs)
    tensors = arguments[:n]
    parameters = tuple(_parameter(a, t) for a, t in zip(arguments[n:], op.parameter_types, strict=True))
    shapes = [None if t is None else [str(s) if isinstance(s, torch.SymInt) else s for s in t.shape] for t in tensors]
    symbols = {str(size): size for t in tensors if t is not None for size in t.shape if isinstance(size, torch.SymInt)}
    hints = {key: _hint(size) for key, size in symbols.items()}
    layouts = [
        None if t is None else channels_last_strides if is_channels_last(t) else row_major_strides for t in tensors
    ]

    def run(moved: dict[str, int]) -> list[Any]:
        specs = []
        for tensor, shape, strides_of in zip(tensors, shapes, layouts, strict=True):
            if tensor is None or shape is None or strides_of is None:
                specs.append(None)
                continue
            sizes = [moved[s] if isinstance(s, str) else s for s in shape]
            strides = strides_of(sizes) if symbols else list(tensor.stride())
            specs.append(_cpu.Spec(sizes, strides, str(tensor.dtype).removeprefix("torch.")))
        outputs, saved = getattr(_cpu, op.name + "_infer")((*specs, *parameters), save)
        return [*outputs, *saved]

    base = run(hints)
    results = [spec and Described(list(spec.shape), list(spec.strides), getattr(torch, spec.dtype)) for spec in base]
    for key, symbol in symbols.items():
        _follow(key, symbol, hints, run, base, results)
    for spec, result in zip(base, results, strict=True):
        if result is not None and symbols:
            row_major = list(spec.strides) == row_major_strides(spec.shape)
            result.strides = (row_major_strides if row_major else channels_last_strides)(result.sizes)
    return results


def _follow(
    key: str,
    symbol: torch.SymInt,
    hints: dict[str, int],
    run: Callable[[dict[str, int]], list[Any]],
    base: list[Any],
    results: list[Described | None],
) -> None:
    """Put a symbol into the sizes that follow it, or fix its value."""
    slopes = []
    try:
        for step in _STEPS:
            moved = run({**hints, key: hints[key] + step})
            slopes.append(
                [
                    (m - b) / step
                    for to, at in zip(moved, base, strict=True)
                    if at
                    for m, b in zip(to.shape, at.shape, strict=True)
                ]
            )
    except (TypeError, ValueError):
        slopes = []
    if not slopes or any(s != slopes[0] for s in slopes) or set(slopes[0]) - {0.0, 1.0}:
        int(symbol)
        return
    follows = iter(slopes[0])
    for result in results:
        if result is not None:
            result.sizes = [size + (symbol - hints[key]) if next(follows) else size for size in result.sizes]


def _hint(size: torch.SymInt) -> int:
    hint = size.node.hint
    return int(size) if hint is None else int(hint)


def _parameter(value: Any, kind: str) -> Any:
    if kind == "Tensor":
        return 0  # a seed has no part in shapes
    return tuple(value) if isinstance(value, list) else value
