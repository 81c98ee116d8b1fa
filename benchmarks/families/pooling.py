"""Max pooling: the one of a ResNet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import fastnets.functional as F

from ..gradients import pull, torch_pull
from ..peers import FORMATS, Place, one_node
from ..workload import Arrays, Contender, Workload

__all__ = ["WORKLOADS", "MaxPool", "MaxPoolBackward"]

_WINDOW: dict[str, Any] = dict(kernel_size=3, stride=2, padding=1)


@dataclass(frozen=True, kw_only=True)
class MaxPool(Workload):
    """The largest of every 3 × 3 window, at a stride of 2, of images (N, C, H, H)."""

    op: ClassVar[str] = "max_pool"
    N: int
    C: int = 64
    H: int = 112

    @property
    def name(self) -> str:
        return f"3×3 stride 2 of {self.N}×{self.C}×{self.H}² {self.dtype}"

    @property
    def bytes(self) -> float:
        return self.itemsize * self.N * self.C * self.H**2 * 1.25

    def draw(self, rng: np.random.Generator) -> Arrays:
        return (self.normal(rng, self.N, self.C, self.H, self.H),)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        for label, channels_last in FORMATS.items():
            yield Contender.of("fastnets" + label, F.max_pool2d, place.fastnets(arrays[0], channels_last), **_WINDOW)

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        for label, channels_last in FORMATS.items():
            x = place.torch(arrays[0], channels_last)
            yield Contender.of("torch" + label, torch.nn.functional.max_pool2d, x, **_WINDOW)

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        attributes: dict[str, Any] = dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
        run = one_node("MaxPool", {"x": arrays[0]}, {}, place, **attributes)
        if run is not None:
            yield Contender("onnxruntime", "onnxruntime", run)


@dataclass(frozen=True, kw_only=True)
class MaxPoolBackward(MaxPool):
    """The gradient of the images."""

    @property
    def name(self) -> str:
        return super().name + " backward"

    def draw(self, rng: np.random.Generator) -> Arrays:
        return *super().draw(rng), self.normal(rng, self.N, self.C, self.H // 2, self.H // 2)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        for label, channels_last in FORMATS.items():
            x, dy = (place.fastnets(a, channels_last) for a in arrays)
            yield Contender("fastnets", "fastnets" + label, pull(F.max_pool2d, [x], dy, **_WINDOW))

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        for label, channels_last in FORMATS.items():
            x, dy = (place.torch(a, channels_last) for a in arrays)
            run = torch_pull(torch.nn.functional.max_pool2d, [x], dy, **_WINDOW)
            yield Contender("torch", "torch" + label, run)

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield from ()


WORKLOADS: list[Workload] = [
    MaxPool(N=8, rows=("max_pool",)),
    MaxPool(N=32, rows=("max_pool",)),
    MaxPoolBackward(N=8, rows=("max_pool backward",)),
]
