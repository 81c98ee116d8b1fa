"""A layer with a vjp of its own on the tape of another's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import backends, parts
from ..autodiff import leaves_of, match, nested

if TYPE_CHECKING:
    from .module import Module

__all__ = ["call"]


def call(module: Module, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Call a layer and put it on the tape as one step, with its inputs and parameters."""
    with backends.unrecorded():
        y, backward = module.vjp(*inputs, **keywords)
    parameters = dict(module.named_parameters())
    leaves = (*(leaf for leaf in leaves_of(inputs) if leaf is not None), *parameters.values())
    outputs = tuple(leaf for leaf in leaves_of(y) if leaf is not None)

    def pull(gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        of_output = {id(output): gradient for output, gradient in zip(outputs, gradients, strict=True)}
        dinputs, grads = backward(nested(y, lambda leaf: of_output.get(id(leaf))))
        pairs = match(type(module).__name__, inputs, dinputs if len(inputs) != 1 else (dinputs,))
        pairs += [(parameters[name], gradient) for name, gradient in grads.items()]
        found: dict[int, Any] = {}
        for leaf, gradient in pairs:
            if gradient is not None:
                found[id(leaf)] = found[id(leaf)] + gradient if id(leaf) in found else gradient
        return tuple(found.pop(id(leaf), None) for leaf in leaves)  # an array given twice has its sum once

    parts.record_step(leaves, outputs, pull)
    return y
