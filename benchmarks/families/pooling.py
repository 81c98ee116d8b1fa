"""Pooling: the largest and the mean of windows, and the global mean at the end of a ResNet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import fastnets.functional as F

from ..gradients import pull, torch_pull
from ..peers import FORMATS, Place, one_node
from ..workload import Arrays, Contender, Workload

__all__ = ["AVERAGES", "GLOBAL_AVERAGES", "MAXIMA", "AvgPool", "GlobalAvgPool", "MaxPool"]


@dataclass(frozen=True, kw_only=True)
class _Pool(Workload):
    """One pooling of images (N, C, H, H), or with `backward` the gradient of the images."""

    function: ClassVar[str]  # of torch.nn.functional, and ours
    onnx: ClassVar[str]
    N: int
    C: int = 64
    H: int = 112
    backward: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """The function's arguments beside the images."""
        raise NotImplementedError

    @property
    def attributes(self) -> dict[str, Any]:
        """The same for ONNX."""
        raise NotImplementedError

    @property
    def out(self) -> int:
        """The output's height and width."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        return f"of {self.N}×{self.C}×{self.H}² {self.dtype}" + (" backward" if self.backward else "")

    @property
    def bytes(self) -> float:
        return self.itemsize * self.N * self.C * (self.H**2 + self.out**2)

    def draw(self, rng: np.random.Generator) -> Arrays:
        x = self.normal(rng, self.N, self.C, self.H, self.H)
        return (x, self.normal(rng, self.N, self.C, self.out, self.out)) if self.backward else (x,)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        function = getattr(F, self.function)
        for label, channels_last in FORMATS.items():
            x, *dy = (place.fastnets(a, channels_last) for a in arrays)
            if dy:
                yield Contender("fastnets", "fastnets" + label, pull(function, [x], *dy, **self.parameters))
            else:
                yield Contender.of("fastnets" + label, function, x, **self.parameters)

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        function = getattr(torch.nn.functional, self.function)
        for label, channels_last in FORMATS.items():
            x, *dy = (place.torch(a, channels_last) for a in arrays)
            if dy:
                yield Contender("torch", "torch" + label, torch_pull(function, [x], *dy, **self.parameters))
            else:
                yield Contender.of("torch" + label, function, x, **self.parameters)

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        if self.backward:
            return
        run = one_node(self.onnx, {"x": arrays[0]}, {}, place, **self.attributes)
        if run is not None:
            yield Contender("onnxruntime", "onnxruntime", run)


@dataclass(frozen=True, kw_only=True)
class MaxPool(_Pool):
    """The largest of every k × k window, at a stride of 2."""

    op: ClassVar[str] = "max_pool"
    function: ClassVar[str] = "max_pool2d"
    onnx: ClassVar[str] = "MaxPool"
    k: int = 3

    @property
    def parameters(self) -> dict[str, Any]:
        return {"kernel_size": self.k, "stride": 2, "padding": self.k // 2 if self.k % 2 else 0}

    @property
    def attributes(self) -> dict[str, Any]:
        return {"kernel_shape": [self.k] * 2, "strides": [2] * 2, "pads": [self.parameters["padding"]] * 4}

    @property
    def out(self) -> int:
        return self.H // 2

    @property
    def name(self) -> str:
        return f"{self.k}×{self.k} stride 2 {super().name}"


@dataclass(frozen=True, kw_only=True)
class AvgPool(_Pool):
    """The mean of every k × k window: 2 × 2 side by side (a DenseNet's), or 3 × 3 at a stride of 1 (an Inception's)."""

    op: ClassVar[str] = "avg_pool"
    function: ClassVar[str] = "avg_pool2d"
    onnx: ClassVar[str] = "AveragePool"
    k: int = 2

    @property
    def parameters(self) -> dict[str, Any]:
        stride = 1 if self.k % 2 else self.k
        return {"kernel_size": self.k, "stride": stride, "padding": self.k // 2 if self.k % 2 else 0}

    @property
    def attributes(self) -> dict[str, Any]:
        p = self.parameters
        return {
            "kernel_shape": [self.k] * 2,
            "strides": [p["stride"]] * 2,
            "pads": [p["padding"]] * 4,
            "count_include_pad": 1,
        }

    @property
    def out(self) -> int:
        return self.H // self.parameters["stride"]

    @property
    def name(self) -> str:
        return f"{self.k}×{self.k} stride {self.parameters['stride']} {super().name}"


@dataclass(frozen=True, kw_only=True)
class GlobalAvgPool(_Pool):
    """The mean of each image's channel."""

    op: ClassVar[str] = "adaptive_avg_pool"
    function: ClassVar[str] = "adaptive_avg_pool2d"
    onnx: ClassVar[str] = "GlobalAveragePool"

    @property
    def parameters(self) -> dict[str, Any]:
        return {"output_size": 1}

    @property
    def attributes(self) -> dict[str, Any]:
        return {}

    @property
    def out(self) -> int:
        return 1

    @property
    def name(self) -> str:
        return f"global {super().name}"


MAXIMA: list[Workload] = [
    MaxPool(N=8, rows=("max_pool",)),
    MaxPool(N=32, rows=("max_pool",)),
    MaxPool(N=32, H=8, k=2, rows=("max_pool",)),
    MaxPool(N=8, backward=True, rows=("max_pool backward",)),
]
AVERAGES: list[Workload] = [
    AvgPool(N=8, C=128, H=56, rows=("avg_pool",)),
    AvgPool(N=32, H=8, rows=("avg_pool",)),
    AvgPool(N=8, C=192, H=35, k=3, rows=("avg_pool",)),
    AvgPool(N=8, C=128, H=56, backward=True, rows=("avg_pool backward",)),
    AvgPool(N=32, H=8, backward=True, rows=("avg_pool backward",)),
    AvgPool(N=8, C=192, H=35, k=3, backward=True, rows=("avg_pool backward",)),
]
GLOBAL_AVERAGES: list[Workload] = [
    GlobalAvgPool(N=1, C=2048, H=7, rows=("adaptive_avg_pool",)),
    GlobalAvgPool(N=64, C=2048, H=7, rows=("adaptive_avg_pool",)),
    GlobalAvgPool(N=8, C=256, H=56, rows=("adaptive_avg_pool",)),
    GlobalAvgPool(N=8, C=2048, H=7, dtype="bfloat16", rows=("adaptive_avg_pool",)),
    GlobalAvgPool(N=64, C=2048, H=7, backward=True, rows=("adaptive_avg_pool backward",)),
]
