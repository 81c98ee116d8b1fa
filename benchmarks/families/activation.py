"""Functions of one element: as fast as memory, or their exponential, allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import fastnets.functional as F

from ..gradients import pull, torch_pull
from ..peers import Place, one_node
from ..workload import Arrays, Contender, Workload

__all__ = ["WORKLOADS", "Activation", "ActivationBackward"]

_ONNX = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid"}
_NUMPY: dict[str, Callable[[Any], Any]] = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh}


@dataclass(frozen=True, kw_only=True)
class Activation(Workload):
    """``f(x)`` of `size` elements."""

    op: ClassVar[str] = "activation"
    kind: str
    size: int = 1 << 24

    @property
    def name(self) -> str:
        return f"{self.kind} of {self.size} {self.dtype}"

    @property
    def bytes(self) -> float:
        return 2.0 * self.itemsize * self.size

    def draw(self, rng: np.random.Generator) -> Arrays:
        return (self.normal(rng, self.size),)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield Contender.of("fastnets", getattr(F, self.kind), place.fastnets(arrays[0]))

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield Contender.of("torch", _torch_function(self.kind), place.torch(arrays[0]))

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        run = one_node(_ONNX[self.kind], {"x": arrays[0]}, {}, place) if self.kind in _ONNX else None
        if run is not None:
            yield Contender("onnxruntime", "onnxruntime", run)

    def numpy(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        if self.kind in _NUMPY and self.dtype in ("float32", "float64"):
            yield Contender.of("numpy", _NUMPY[self.kind], arrays[0])


@dataclass(frozen=True, kw_only=True)
class ActivationBackward(Activation):
    """The gradient of the input."""

    @property
    def name(self) -> str:
        return super().name + " backward"

    @property
    def bytes(self) -> float:
        return 3.0 * self.itemsize * self.size

    def draw(self, rng: np.random.Generator) -> Arrays:
        return self.normal(rng, self.size), self.normal(rng, self.size)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        x, dy = map(place.fastnets, arrays)
        yield Contender("fastnets", "fastnets", pull(getattr(F, self.kind), [x], dy))

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        x, dy = map(place.torch, arrays)
        yield Contender("torch", "torch", torch_pull(_torch_function(self.kind), [x], dy))

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield from ()

    def numpy(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield from ()


def _torch_function(kind: str) -> Callable[..., Any]:
    import torch

    function: Callable[..., Any] = getattr(torch, kind, None) or getattr(torch.nn.functional, kind)
    return function


WORKLOADS: list[Workload] = [
    *(Activation(kind=kind, rows=("activations",)) for kind in ("relu", "gelu", "silu", "tanh", "sigmoid")),
    *(Activation(kind=kind, dtype="bfloat16", rows=("activations bfloat16",)) for kind in ("relu", "gelu")),
    *(ActivationBackward(kind=kind, rows=("activations backward",)) for kind in ("relu", "gelu")),
    Activation(kind="relu", size=8, rows=("a small call, NumPy",), devices=("cpu",)),
]
