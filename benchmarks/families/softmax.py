"""Softmax: of a classifier, of attention's rows, of a vocabulary, and along the channels of images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import fastnets.functional as F

from ..gradients import pull, torch_pull
from ..peers import Place, one_node
from ..workload import Arrays, Contender, Workload

__all__ = ["WORKLOADS", "Softmax", "SoftmaxBackward"]


@dataclass(frozen=True, kw_only=True)
class Softmax(Workload):
    """Softmax along a dimension, or its logarithm: one pass that reads, and one that writes."""

    op: ClassVar[str] = "softmax"
    shape: tuple[int, ...]
    dim: int = -1
    log: bool = False

    @property
    def function(self) -> str:
        return "log_softmax" if self.log else "softmax"

    @property
    def name(self) -> str:
        return f"{'logarithm, ' if self.log else ''}{'×'.join(map(str, self.shape))} along {self.dim} {self.dtype}"

    @property
    def bytes(self) -> float:
        return 2 * self.itemsize * float(np.prod(self.shape))

    def draw(self, rng: np.random.Generator) -> Arrays:
        return (self.normal(rng, *self.shape),)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield Contender.of("fastnets", getattr(F, self.function), place.fastnets(arrays[0]), dim=self.dim)

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        function = getattr(torch.nn.functional, self.function)
        yield Contender.of("torch", function, place.torch(arrays[0]), dim=self.dim)

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        run = one_node("LogSoftmax" if self.log else "Softmax", {"x": arrays[0]}, {}, place, axis=self.dim)
        if run is not None:
            yield Contender("onnxruntime", "onnxruntime", run)


@dataclass(frozen=True, kw_only=True)
class SoftmaxBackward(Softmax):
    """The gradient of the input from that of the output and the output."""

    @property
    def name(self) -> str:
        return super().name + " backward"

    @property
    def bytes(self) -> float:
        return 1.5 * super().bytes

    def draw(self, rng: np.random.Generator) -> Arrays:
        return *super().draw(rng), self.normal(rng, *self.shape)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        x, dy = map(place.fastnets, arrays)
        yield Contender("fastnets", "fastnets", pull(getattr(F, self.function), [x], dy, dim=self.dim))

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        x, dy = map(place.torch, arrays)
        run = torch_pull(getattr(torch.nn.functional, self.function), [x], dy, dim=self.dim)
        yield Contender("torch", "torch", run)

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield from ()


_SIZES = [((2048, 1000), -1), ((8, 12, 128, 128), -1), ((256, 32000), -1), ((8, 21, 128, 128), 1)]

WORKLOADS: list[Workload] = [
    *(Softmax(shape=s, dim=d, rows=("softmax",)) for s, d in _SIZES),
    *(SoftmaxBackward(shape=s, dim=d, rows=("softmax backward",)) for s, d in _SIZES),
    Softmax(shape=(2048, 1000), log=True, rows=("log_softmax",)),
    SoftmaxBackward(shape=(2048, 1000), log=True, rows=("log_softmax backward",)),
    Softmax(shape=(8, 12, 512, 512), dtype="bfloat16", rows=("softmax",)),
]
