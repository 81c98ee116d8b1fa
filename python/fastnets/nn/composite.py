"""Layers written forward only: their backward is read off the calls that they made."""

from __future__ import annotations

from typing import Any

from ..autodiff import knows_all, leaves_of, match, nested, pull_through, told_apart
from ..backends import record
from .module import Backward, Module
from .tree import Gradients

__all__ = ["Composite"]


class Composite(Module):
    """A layer whose `forward` calls layers, functions of `fastnets.functional` and those of `parts`, and nothing else.

    That is all it has to say: `vjp` records the calls and goes back through them. A layer that writes its own `vjp`
    may be among those called. Other arithmetic on the way is found out, and a TypeError.
    """

    by_hand = False

    def vjp(self, *inputs: Any, input_gradient: bool = True, **keywords: Any) -> tuple[Any, Backward]:
        parameters = dict(self.named_parameters())
        inputs = told_apart(inputs, {id(array) for array in parameters.values()})
        versions = [(module, module._version) for module in self.modules()]
        with record(by_layer=True) as tape:
            y = self.forward(*inputs, **keywords)
        arguments = [*leaves_of(inputs), *leaves_of(list(keywords.values()))]
        buffers = (array for _, array in self.named_buffers())
        if not knows_all(tape, [*arguments, *parameters.values(), *buffers], y):
            raise TypeError(
                f"{type(self).__name__}: vjp knows its way only through layers and functions of fastnets, "
                "but forward computes with an array that comes from elsewhere"
            )
        wanted = {id(array) for array in parameters.values()}
        if input_gradient:
            wanted |= {id(leaf) for leaf in leaves_of(inputs) if leaf is not None}

        def composite_backward(dy: Any) -> tuple[Any, Gradients]:
            for module, version in versions:
                module.check_version(version)
            pairs = match(type(self).__name__, y, dy)
            gradients = pull_through(tape, [pair for pair in pairs if pair[1] is not None], wanted)
            grads = {name: gradients[id(array)] for name, array in parameters.items() if id(array) in gradients}
            if not input_gradient:
                return None, grads
            dinputs = nested(inputs, lambda leaf: gradients.get(id(leaf)))
            return dinputs[0] if len(dinputs) == 1 else dinputs, grads

        return y, composite_backward
