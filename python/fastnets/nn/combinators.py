"""Layers made of layers. Their backward writes itself: each knows how gradients flow through its own wiring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, overload

from ..autodiff import vjp
from . import arguments, fusion, structure
from .fusion import ACTIVATIONS
from .module import Backward, Module
from .tree import Gradients

__all__ = ["Parallel", "Residual", "Select", "Sequential"]


class _Layers(Module):
    """Layers in an order, named "0", "1", … or as a mapping names them."""

    def __init__(self, *layers: Module | Mapping[str, Module]) -> None:
        named = layers[0] if len(layers) == 1 and isinstance(layers[0], Mapping) else dict(_numbered(layers))
        for name, layer in named.items():
            if not isinstance(layer, Module):
                raise TypeError(
                    f"{type(self).__name__}: layer {name} is {type(layer).__name__} but a Module is expected"
                )
            setattr(self, name, layer)

    def named_layers(self) -> Iterator[tuple[str, Module]]:
        """The layers in their order, with their names."""
        return self.named_children()

    def __len__(self) -> int:
        return len(list(self.named_layers()))

    def __iter__(self) -> Iterator[Module]:
        return (layer for _, layer in self.named_layers())

    @overload
    def __getitem__(self, index: int) -> Module: ...

    @overload
    def __getitem__(self, index: slice) -> Sequential: ...

    def __getitem__(self, index: int | slice) -> Module | Sequential:
        layers = list(self)
        if isinstance(index, slice):
            return Sequential(*layers[index])
        return layers[index]


def _numbered(layers: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    return ((str(i), layer) for i, layer in enumerate(layers))


class Sequential(_Layers):
    """Each layer applied to the output of the one before: ``y = layers[-1](… layers[0](x))``.

    In eval, a convolution or linear layer takes over the batch norm and the activation that follow it: one pass over
    its output. Batch norm is then a factor of the weights.

    Parameters
    ----------
    *layers : Module, or one mapping of names to Modules
        The layers; none at all is the identity.

    Raises
    ------
    TypeError
        If a layer is no `Module`.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> model = fn.nn.Sequential(fn.nn.Linear(3, 4), fn.nn.ReLU(), fn.nn.Linear(4, 2))
    >>> y, backward = model.vjp(np.zeros((5, 3), np.float32))
    >>> dx, grads = backward(np.ones_like(y))
    >>> dx.shape, list(grads)
    ((5, 3), ['0.weight', '0.bias', '2.weight', '2.bias'])
    """

    _plan: fusion.Plan | None = None  # what is fused in eval, made at the first call

    def forward(self, input: Any) -> Any:
        for step in self._steps():
            input = step(input)
        return input

    def _steps(self) -> list[fusion.Step]:
        """What a call computes, one after the other."""
        layers = list(self)
        if self.training or structure.watcher.get() is not None:
            return [*layers]
        if self._plan is None or not self._plan.holds_for(layers):
            self._plan = fusion.Plan(layers)
        return self._plan.steps

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_plan": None}

    def vjp(self, input: Any, *, input_gradient: bool = True) -> tuple[Any, Backward]:  # type: ignore[override]
        backwards: list[tuple[str, Backward]] = []
        wanted = input_gradient  # of the layer at hand: from the first parameter on, gradients must come down to it
        for name, layer in self.named_layers():
            has_parameters = next(layer.parameters(), None) is not None
            if wanted or has_parameters:
                input, backward = layer.vjp(input, input_gradient=wanted)
                backwards.append((name, backward))
            else:
                input = layer(input)
            wanted = wanted or has_parameters

        def sequential_backward(dy: Any) -> tuple[Any, Gradients]:
            by_layer = []
            for name, backward in reversed(backwards):
                dy, grads = backward(dy)
                by_layer.append((name, grads))
            return dy if input_gradient else None, self.collect(reversed(by_layer))

        return input, sequential_backward


class Residual(Sequential):
    """The layers, in sequence, around which the input is added: ``y = activation(layers(x) + shortcut(x))``.

    In eval, sum and activation are fused into the last layer where that is a convolution or linear layer.

    Parameters
    ----------
    *layers : Module, or one mapping of names to Modules
        The layers, whose output has the shape of the shortcut's.
    shortcut : Module, optional
        The way around them; by default the input itself.
    activation : None or "relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid"
        Applied to the sum.

    Raises
    ------
    ValueError
        For an unknown activation, and where the shapes of the two ways differ.

    References
    ----------
    He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2015, https://arxiv.org/abs/1512.03385

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.Residual(fn.nn.ReLU())(np.float32([[-1, 2]])).tolist()
    [[-1.0, 4.0]]
    """

    shortcut_name = "shortcut"  # of the attribute, and in state_dict

    def __init__(
        self,
        *layers: Module | Mapping[str, Module],
        shortcut: Module | None = None,
        activation: str | None = None,
    ) -> None:
        super().__init__(*layers)
        self.activation = arguments.activation(type(self).__name__, activation)
        setattr(self, self.shortcut_name, shortcut)

    @property
    def _shortcut(self) -> Module | None:
        way: Module | None = getattr(self, self.shortcut_name)
        return way

    def named_layers(self) -> Iterator[tuple[str, Module]]:
        return ((name, layer) for name, layer in self.named_children() if name != self.shortcut_name)

    def forward(self, input: Any) -> Any:
        around = input if self._shortcut is None else self._shortcut(input)
        *steps, last = self._steps() or [fusion.identity]
        branch = input
        for step in steps:
            branch = step(branch)
        if isinstance(last, fusion.Fused) and last.takes_sum(branch):
            return last(branch, residual=around, activation=self.activation)
        return self._activated(self._sum(around, last(branch)))

    def vjp(self, input: Any, *, input_gradient: bool = True) -> tuple[Any, Backward]:  # type: ignore[override]
        branch, branch_backward = super().vjp(input, input_gradient=input_gradient)
        around, shortcut_backward = input, None
        if self._shortcut is not None:
            around, shortcut_backward = self._shortcut.vjp(input, input_gradient=input_gradient)
        z = self._sum(around, branch)
        y, activation_backward = z, None
        if self.activation is not None:
            y, activation_backward = vjp(ACTIVATIONS[self.activation], z)

        def residual_backward(dy: Any) -> tuple[Any, Gradients]:
            dz = dy if activation_backward is None else activation_backward(dy)[0]
            dbranch, branch_grads = branch_backward(dz)
            daround, shortcut_grads = dz, {}
            if shortcut_backward is not None:
                daround, grads = shortcut_backward(dz)
                shortcut_grads = self.collect([(self.shortcut_name, grads)])
            return daround + dbranch if input_gradient else None, _merged(branch_grads, shortcut_grads)

        return y, residual_backward

    def _sum(self, around: Any, branch: Any) -> Any:
        if tuple(around.shape) != tuple(branch.shape):
            raise ValueError(
                f"{type(self).__name__}: the layers give {tuple(branch.shape)} but the way around them "
                f"{tuple(around.shape)}; expected the same shape"
            )
        return around + branch

    def _activated(self, z: Any) -> Any:
        return z if self.activation is None else ACTIVATIONS[self.activation](z)

    def extra_repr(self) -> str:
        return f"activation={self.activation!r}" if self.activation else ""


class Parallel(_Layers):
    """Several layers applied to the same input: ``y = (layers[0](x), layers[1](x), …)``, or their sum.

    Parameters
    ----------
    *layers : Module, or one mapping of names to Modules
        The branches.
    reduce : None or "sum"
        None returns the tuple of outputs; "sum" adds them up.

    Raises
    ------
    ValueError
        For another `reduce`, for no layers at all, and for outputs of different shapes under "sum".

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> both = fn.nn.Parallel(fn.nn.Identity(), fn.nn.ReLU())
    >>> [y.tolist() for y in both(np.float32([-1, 2]))]
    [[-1.0, 2.0], [0.0, 2.0]]
    """

    def __init__(self, *layers: Module | Mapping[str, Module], reduce: str | None = None) -> None:
        if reduce not in (None, "sum"):
            raise ValueError(f"Parallel: reduce is {reduce!r} but None or 'sum' is expected")
        super().__init__(*layers)
        if len(self) == 0:
            raise ValueError("Parallel: got no layers; expected at least one")
        self.reduce = reduce

    def forward(self, input: Any) -> Any:
        return self._reduced(tuple(layer(input) for layer in self.children()))

    def vjp(self, input: Any, *, input_gradient: bool = True) -> tuple[Any, Backward]:  # type: ignore[override]
        names = [name for name, _ in self.named_children()]
        results = [layer.vjp(input, input_gradient=input_gradient) for layer in self.children()]

        def parallel_backward(dy: Any) -> tuple[Any, Gradients]:
            douts = [dy] * len(names) if self.reduce else dy
            if len(douts) != len(names):
                raise ValueError(f"Parallel: got {len(douts)} output gradients for {len(names)} layers")
            dinput, by_layer = None, []
            for name, (_, backward), dout in zip(names, results, douts, strict=True):
                if dout is None:  # zero
                    continue
                dbranch, grads = backward(dout)
                dinput = _added(dinput, dbranch)
                by_layer.append((name, grads))
            return dinput, self.collect(by_layer)

        return self._reduced(tuple(y for y, _ in results)), parallel_backward

    def _reduced(self, outputs: tuple[Any, ...]) -> Any:
        if self.reduce is None:
            return outputs
        shapes = [tuple(output.shape) for output in outputs]
        if len(set(shapes)) > 1:
            raise ValueError(f"Parallel: cannot add outputs of shapes {', '.join(map(str, shapes))}")
        total = outputs[0]
        for output in outputs[1:]:
            total = total + output
        return total

    def extra_repr(self) -> str:
        return f"reduce={self.reduce!r}" if self.reduce else ""


def _merged(a: Gradients, b: Gradients) -> Gradients:
    """Both, a tied parameter's summed."""
    return {**a, **{name: a[name] + gradient if name in a else gradient for name, gradient in b.items()}}


def _added(a: Any, b: Any) -> Any:
    """Sum of two gradients nested alike, None being zero."""
    if a is None or b is None:
        return b if a is None else a
    if isinstance(a, (tuple, list)):
        return tuple(_added(x, y) for x, y in zip(a, b, strict=True))
    return a + b


class Select(Module):
    """One element of a tuple: ``y = x[index]``, as in ``Sequential(LSTM(…), Select(0), Linear(…))``.

    Parameters
    ----------
    index : int
        Which element; negative counts from the end.

    Raises
    ------
    TypeError
        If `index` is no integer, or the input no tuple or list.
    ValueError
        If the input has no such element.

    Examples
    --------
    >>> import fastnets as fn
    >>> fn.nn.Select(-1)(("output", "state"))
    'state'
    """

    def __init__(self, index: int) -> None:
        if not isinstance(index, int):
            raise TypeError(f"Select: index is {index!r} but an integer is expected")
        self.index = index

    def forward(self, input: Any) -> Any:
        if not isinstance(input, (tuple, list)):
            raise TypeError(f"Select: input is {type(input).__name__} but a tuple or list is expected")
        if not -len(input) <= self.index < len(input):
            raise ValueError(f"Select: index is {self.index} but the input has {len(input)} elements")
        return input[self.index]

    def vjp(self, input: Any, *, input_gradient: bool = True) -> tuple[Any, Backward]:  # type: ignore[override]
        size = len(input) if isinstance(input, (tuple, list)) else 0

        def select_backward(dy: Any) -> tuple[Any, Gradients]:
            if not input_gradient:
                return None, {}
            dinput: list[Any] = [None] * size
            dinput[self.index] = dy
            return tuple(dinput), {}

        return self(input), select_backward

    def extra_repr(self) -> str:
        return str(self.index)
