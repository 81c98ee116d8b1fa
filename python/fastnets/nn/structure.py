"""How a module looks: `repr` shows torch's tree, `summary` adds shapes, parameters and FLOPs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import placement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .module import Module

__all__ = ["Summary", "summarise", "tree_of", "watcher"]

# While `summary` runs a model: called with each module, its inputs and its output.
watcher: ContextVar[Callable[[Module, tuple[Any, ...], Any], None] | None] = ContextVar("watcher", default=None)


class Summary(str):
    """A table that prints itself, also as an expression typed at the prompt.

    Attributes
    ----------
    parameters : int
        Number of elements in all parameters, tied ones once.
    flops : int
        Floating-point operations of one call.
    """

    parameters: int
    flops: int

    def __repr__(self) -> str:
        return str(self)


class _Row(NamedTuple):
    layer: str
    output: str
    parameters: str
    flops: str


def tree_of(module: Module) -> str:
    """The module and its children, indented, as torch shows them."""
    children = [f"({name}): " + tree_of(child).replace("\n", "\n  ") for name, child in module.named_children()]
    extra = module.extra_repr()
    title = type(module).__name__
    if not children:
        return f"{title}({extra})"
    return f"{title}(\n  " + "\n  ".join(([extra] if extra else []) + children) + "\n)"


def summarise(module: Module, input_shape: tuple[int, ...], dtype: Any) -> Summary:
    """``module.summary``; see there."""
    outputs: dict[int, str] = {}
    flops: dict[int, int] = {}

    def watch(layer: Module, inputs: tuple[Any, ...], output: Any) -> None:
        outputs[id(layer)] = _shapes(output)
        flops[id(layer)] = flops.get(id(layer), 0) + layer.flops(inputs, output)

    with _watching(watch), _as_in_eval(module):
        module(_zeros(module, input_shape, dtype))

    def own_and_below(node: Module) -> int:
        return sum(flops.get(id(each), 0) for each in node.modules())

    def rows(node: Module, name: str, indent: str) -> Iterator[_Row]:
        count = sum(
            array.size if isinstance(array, np.ndarray) else int(np.prod(array.shape)) for array in node.parameters()
        )
        title = type(node).__name__
        yield _Row(
            f"{indent}({name}): {title}" if name else title,
            outputs.get(id(node), "not called"),
            f"{count:,}",
            f"{own_and_below(node):,}",
        )
        for child_name, child in node.named_children():
            yield from rows(child, child_name, indent + "  ")

    table = Summary(_table([_Row("layer", "output", "parameters", "FLOPs"), *rows(module, "", "")]))
    table.parameters = sum(int(np.prod(array.shape)) for array in module.parameters())
    table.flops = own_and_below(module)
    return table


def _table(rows: list[_Row]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{row.layer:<{widths[0]}}  {row.output:<{widths[1]}}  {row.parameters:>{widths[2]}}  {row.flops:>{widths[3]}}"
        for row in rows
    )


def _shapes(output: Any) -> str:
    if isinstance(output, (tuple, list)):
        return "(" + ", ".join(_shapes(each) for each in output) + ")"
    return str(tuple(output.shape)) if hasattr(output, "shape") else str(output)


def _zeros(module: Module, shape: tuple[int, ...], dtype: Any) -> Any:
    """Zeros where the parameters live; NumPy for a module without any."""
    first = next(module.parameters(), None)
    zeros = np.zeros(shape, np.float32)
    if first is None:
        return zeros if dtype is None else zeros.astype(placement.numpy_dtype(placement.name_of(dtype)))
    zeros = placement.like(zeros, first)
    return zeros if dtype is None else placement.cast(zeros, placement.name_of(dtype))


@contextmanager
def _watching(watch: Callable[[Module, tuple[Any, ...], Any], None]) -> Iterator[None]:
    token = watcher.set(watch)
    try:
        yield
    finally:
        watcher.reset(token)


@contextmanager
def _as_in_eval(module: Module) -> Iterator[None]:
    """No dropout and no update of statistics meanwhile; nothing is packed or locked."""
    training = [each for each in module.modules() if each.training]
    for each in training:
        each.__dict__["training"] = False
    try:
        yield
    finally:
        for each in training:
            each.__dict__["training"] = True
