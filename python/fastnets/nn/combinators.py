"""Layers made of layers. Their backward writes itself: each knows how gradients flow through its own wiring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, overload

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

    def __len__(self) -> int:
        return len(list(self.named_children()))

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    @overload
    def __getitem__(self, index: int) -> Module: ...

    @overload
    def __getitem__(self, index: slice) -> Sequential: ...

    def __getitem__(self, index: int | slice) -> Module | Sequential:
        layers = list(self.children())
        if isinstance(index, slice):
            return Sequential(*layers[index])
        return layers[index]


def _numbered(layers: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    return ((str(i), layer) for i, layer in enumerate(layers))


class Sequential(_Layers):
    """Each layer applied to the output of the one before: ``y = layers[-1](… layers[0](x))``.

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

    def forward(self, input: Any) -> Any:
        for layer in self.children():
            input = layer(input)
        return input

    def vjp(self, input: Any, *, input_gradient: bool = True) -> tuple[Any, Backward]:  # type: ignore[override]
        backwards: list[tuple[str, Backward]] = []
        wanted = input_gradient  # of the layer at hand: from the first parameter on, gradients must come down to it
        for name, layer in self.named_children():
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
    """The layers, in sequence, around which the input is added: ``y = x + layers(x)``.

    Parameters
    ----------
    *layers : Module, or one mapping of names to Modules
        The layers, whose output has the shape of their input.

    References
    ----------
    He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2015, https://arxiv.org/abs/1512.03385

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> fn.nn.Residual(fn.nn.ReLU())(np.float32([[-1, 2]])).tolist()
    [[-1.0, 4.0]]
    """

    def forward(self, input: Any) -> Any:
        return self._around(input, super().forward(input))

    def vjp(self, input: Any, *, input_gradient: bool = True) -> tuple[Any, Backward]:  # type: ignore[override]
        branch, branch_backward = super().vjp(input, input_gradient=input_gradient)

        def residual_backward(dy: Any) -> tuple[Any, Gradients]:
            dbranch, grads = branch_backward(dy)
            return dy + dbranch if input_gradient else None, grads

        return self._around(input, branch), residual_backward

    @staticmethod
    def _around(input: Any, branch: Any) -> Any:
        if tuple(input.shape) != tuple(branch.shape):
            raise ValueError(
                f"Residual: the layers turn {tuple(input.shape)} into {tuple(branch.shape)}; expected no change"
            )
        return input + branch


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
