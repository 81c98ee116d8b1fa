"""Convolution: every distinct one of a ResNet-50, at 224 × 224, and the depthwise ones of a MobileNetV2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import fastnets.functional as F
from fastnets.backends import pack_weight

from ..gradients import pull, torch_pull
from ..peers import FORMATS, Place, one_node
from ..workload import Arrays, Contender, Workload

__all__ = ["WORKLOADS", "Conv", "ConvBackward"]


@dataclass(frozen=True, kw_only=True)
class Conv(Workload):
    """``output (N, K, P, Q) = input (N, C, H, H) ∗ weight (K, C, R, R)`` in both memory formats.

    The weight stays the same from call to call, as after ``eval()``: fastnets and onnxruntime have packed it. The floor
    is that of the direct sum: Winograd's algorithm may go below.
    """

    op: ClassVar[str] = "conv"
    N: int
    C: int
    H: int
    K: int
    R: int
    stride: int = 1
    groups: int = 1

    @property
    def name(self) -> str:
        stride = f" stride {self.stride}" if self.stride > 1 else ""
        depthwise = " depthwise" if self.groups > 1 else ""
        return f"{self.R}×{self.R}{stride}{depthwise} {self.C}→{self.K}, {self.N} of {self.H}² {self.dtype}"

    @property
    def padding(self) -> int:
        return self.R // 2

    @property
    def geometry(self) -> dict[str, Any]:
        return dict(stride=self.stride, padding=self.padding, groups=self.groups)

    @property
    def P(self) -> int:
        return (self.H + 2 * self.padding - self.R) // self.stride + 1

    @property
    def flops(self) -> float:
        return 2.0 * self.N * self.P**2 * self.K * self.C // self.groups * self.R**2

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many elements of input, weight and output take part."""
        side = self.H if self.R >= self.stride else self.P  # a stride may step over elements
        return self.N * self.C * side**2, self.K * self.C // self.groups * self.R**2, self.N * self.K * self.P**2

    @property
    def bytes(self) -> float:
        return float(self.itemsize * sum(self.sizes))

    def draw(self, rng: np.random.Generator) -> Arrays:
        channels = self.C // self.groups
        weight = self.normal(rng, self.K, channels, self.R, self.R, scale=(channels * self.R**2) ** -0.5)
        return self.normal(rng, self.N, self.C, self.H, self.H), weight

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        for label, channels_last in FORMATS.items():
            x, weight = (place.fastnets(a, channels_last) for a in arrays)
            packed = pack_weight("conv", weight) if place.device == "cpu" else weight
            yield Contender.of("fastnets" + label, F.conv2d, x, packed, None, **self.geometry)

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        for label, channels_last in FORMATS.items():
            x, weight = (place.torch(a, channels_last) for a in arrays)
            run = torch.nn.functional.conv2d
            yield Contender.of("torch" + label, run, x, weight, None, **self.geometry)

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        x, weight = arrays
        attributes: dict[str, Any] = dict(
            strides=[self.stride] * 2, pads=[self.padding] * 4, kernel_shape=[self.R] * 2, group=self.groups
        )
        run = one_node("Conv", {"x": x}, {"weight": weight}, place, **attributes)
        if run is not None:
            yield Contender("onnxruntime", "onnxruntime", run)


@dataclass(frozen=True, kw_only=True)
class ConvBackward(Conv):
    """The gradients of input and weight: two sums of the same size."""

    @property
    def name(self) -> str:
        return super().name + " backward"

    @property
    def flops(self) -> float:
        return 2 * super().flops

    @property
    def bytes(self) -> float:  # input and weight, read; their gradients, written; the output's gradient, read
        x, weight, output = self.sizes
        return float(self.itemsize * (2 * x + 2 * weight + output))

    def draw(self, rng: np.random.Generator) -> Arrays:
        return *super().draw(rng), self.normal(rng, self.N, self.K, self.P, self.P)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        for label, channels_last in FORMATS.items():
            *inputs, dy = (place.fastnets(a, channels_last) for a in arrays)
            run = pull(F.conv2d, inputs, dy, **self.geometry)
            yield Contender("fastnets", "fastnets" + label, run)

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        for label, channels_last in FORMATS.items():
            *inputs, dy = (place.torch(a, channels_last) for a in arrays)
            run = torch_pull(
                torch.nn.functional.conv2d, inputs, dy, stride=self.stride, padding=self.padding, groups=self.groups
            )
            yield Contender("torch", "torch" + label, run)

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield from ()


# channels, height, stride
_MOBILENET = [(32, 112, 1), (96, 112, 2), (144, 56, 1), (192, 28, 1), (384, 14, 1), (576, 14, 2), (960, 7, 1)]

# input channels, height, output channels, kernel, stride
_RESNET50 = [
    (3, 224, 64, 7, 2),
    (64, 56, 64, 1, 1), (64, 56, 64, 3, 1), (64, 56, 256, 1, 1), (256, 56, 64, 1, 1),
    (256, 56, 128, 1, 1), (128, 56, 128, 3, 2), (128, 28, 512, 1, 1), (256, 56, 512, 1, 2), (512, 28, 128, 1, 1),
    (128, 28, 128, 3, 1),
    (512, 28, 256, 1, 1), (256, 28, 256, 3, 2), (256, 14, 1024, 1, 1), (512, 28, 1024, 1, 2), (1024, 14, 256, 1, 1),
    (256, 14, 256, 3, 1),
    (1024, 14, 512, 1, 1), (512, 14, 512, 3, 2), (512, 7, 2048, 1, 1), (1024, 14, 2048, 1, 2), (2048, 7, 512, 1, 1),
    (512, 7, 512, 3, 1),
]  # fmt: skip


def _resnet50(kind: type[Conv], work: str, batch: int, **options: Any) -> Iterator[Workload]:
    for C, H, K, R, stride in _RESNET50:
        rows: tuple[str, ...] = (f"{work} of ResNet-50, batch {batch}",)
        if (R, stride) == (3, 1):
            rows += (f"{work}, its 3×3 of stride 1, batch {batch}",)
        yield kind(N=batch, C=C, H=H, K=K, R=R, stride=stride, rows=rows, **options)


def _mobilenet(kind: type[Conv], work: str, batch: int) -> Iterator[Workload]:
    for C, H, stride in _MOBILENET:
        rows = (f"{work} of MobileNetV2, batch {batch}",)
        yield kind(N=batch, C=C, H=H, K=C, R=3, stride=stride, groups=C, rows=rows)


WORKLOADS: list[Workload] = [
    *_resnet50(Conv, "conv2d", 1),
    *_resnet50(Conv, "conv2d", 8),
    *_resnet50(ConvBackward, "conv2d backward", 1),
    *_resnet50(ConvBackward, "conv2d backward", 8),
    *_mobilenet(Conv, "depthwise conv2d", 1),
    *_mobilenet(Conv, "depthwise conv2d", 8),
    *_mobilenet(ConvBackward, "depthwise conv2d backward", 8),
    *_resnet50(Conv, "conv2d bfloat16", 64, dtype="bfloat16", devices=("cuda",)),
    *_resnet50(ConvBackward, "conv2d backward bfloat16", 64, dtype="bfloat16", devices=("cuda",)),
]
