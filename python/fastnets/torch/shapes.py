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


def _is_channels_last(tensor: torch.Tensor) -> bool:
    """Whether the compiled modules take a tensor for channels-last memory."""
    if tensor.dim() < 3 or tensor.is_contiguous():
        return False
    wanted = channels_last_strides(tensor.shape)
    return all(n == 1 or s == w for n, s, w in zip(tensor.shape, tensor.stride(), wanted, strict=True))


class _Arguments:
    """An op's arguments as the compiled module knows them, which knows sizes as numbers: symbols take values."""

    def __init__(self, op: Op, arguments: tuple[Any, ...]):
        n = len(op.inputs)
        self.tensors = arguments[:n]
        self.parameters = [_parameter(a, t) for a, t in zip(arguments[n:], op.parameter_types, strict=True)]
        sizes = [size for t in self.tensors if t is not None for size in t.shape]
        self.symbols = {str(size): size for size in sizes if isinstance(size, torch.SymInt)}
        self.values = {name: _hint(symbol) for name, symbol in self.symbols.items()}
        self._shapes = [() if t is None else tuple(map(_symbol_name, t.shape)) for t in self.tensors]
        self._channels_last = [t is not None and _is_channels_last(t) for t in self.tensors]

    def described(self, values: dict[str, int]) -> tuple[Any, ...]:
        specs: list[Any] = []
        for tensor, shape, channels_last in zip(self.tensors, self._shapes, self._channels_last, strict=True):
            if tensor is None:
                specs.append(None)
                continue
            sizes = [values[s] if isinstance(s, str) else s for s in shape]
            strides = _strides(sizes, channels_last) if self.symbols else list(tensor.stride())
            specs.append(_cpu.Spec(sizes, strides, str(tensor.dtype).removeprefix("torch.")))
        return (*specs, *self.parameters)


def _symbol_name(size: Any) -> Any:
    return str(size) if isinstance(size, torch.SymInt) else size


def _hint(size: torch.SymInt) -> int:
    hint = size.node.hint
    return int(size) if hint is None else int(hint)


def _parameter(value: Any, kind: str) -> Any:
    if kind == "Tensor":
        return 0  # a seed has no part in shapes
    return tuple(value) if isinstance(value, list) else value


def _strides(sizes: Sequence[Any], channels_last: bool) -> list[Any]:
    return channels_last_strides(sizes) if channels_last else row_major_strides(sizes)


def _result(spec: Any, sizes: Sequence[Any] | None) -> Described | None:
    """The description of a result, with sizes in the place of the numbers where they are given."""
    if spec is None:
        return None
    strides = list(spec.strides)
    if sizes is not None:
        strides = _strides(sizes, strides != row_major_strides(spec.shape))
    return Described(list(spec.shape if sizes is None else sizes), strides, getattr(torch, spec.dtype))


def infer(op: Op, arguments: tuple[Any, ...], save: bool) -> list[Described | None]:
    """Describe the outputs of an op and what it saves; None for what is not there.

    A size of the result that moves with a symbolic size of the inputs, step by step, is that symbol plus a constant; a
    symbol that a size follows in another way becomes the number that it is.
    """
    given = _Arguments(op, arguments)

    def run(values: dict[str, int]) -> list[Any]:
        outputs, saved = getattr(_cpu, op.name + "_infer")(given.described(values), save)
        return [*outputs, *saved]

    specs = run(given.values)
    if not given.symbols:
        return [_result(spec, None) for spec in specs]
    sizes = [[] if spec is None else list(spec.shape) for spec in specs]
    for name, symbol in given.symbols.items():
        value = given.values[name]

        def stepped(step: int, name: str = name, value: int = value) -> list[Any]:
            return run({**given.values, name: value + step})

        slopes = _slopes(stepped, specs)
        if slopes is None:
            int(symbol)
        else:
            sizes = [
                [size + (symbol - value) if slope else size for size, slope in zip(*pair, strict=True)]
                for pair in zip(sizes, slopes, strict=True)
            ]
    return [_result(spec, size) for spec, size in zip(specs, sizes, strict=True)]


def _slopes(run: Callable[[int], list[Any]], specs: list[Any]) -> list[list[int]] | None:
    """By how much each size of the results grows with one symbol, 0 or 1; None where it is neither."""
    found = None
    for step in _STEPS:
        try:
            moved = run(step)
        except (TypeError, ValueError):
            return None
        grown = [
            [] if spec is None else [to - at for to, at in zip(new.shape, spec.shape, strict=True)]
            for new, spec in zip(moved, specs, strict=True)
        ]
        if any(g not in (0, step) for group in grown for g in group):
            return None
        slopes = [[g // step for g in group] for group in grown]
        if found not in (None, slopes):
            return None
        found = slopes
    return found


def infer_backward(op: Op, arguments: tuple[Any, ...]) -> list[Described | None]:
    """Describe the gradient of each input of an op; None where there is none."""
    given = _Arguments(op, arguments)
    specs = getattr(_cpu, op.name + "_infer_backward")(given.described(given.values))
    return [
        _result(spec, list(t.shape) if given.symbols and t is not None else None)
        for spec, t in zip(specs, given.tensors, strict=True)
    ]
