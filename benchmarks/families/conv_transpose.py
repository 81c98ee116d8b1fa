"""Transposed convolution: the upsampling of a U-Net and of a DCGAN's generator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import fastnets.functional as F

from ..gradients import pull, torch_pull
from ..peers import FORMATS, Place, one_node
from ..workload import Arrays, Contender, Workload

__all__ = ["WORKLOADS", "ConvTranspose", "ConvTransposeBackward"]


@dataclass(frozen=True, kw_only=True)
class ConvTranspose(Workload):
    """``output (N, K, P, P)`` of ``input (N, C, H, H)`` and ``weight (C, K, R, R)``, twice as high and wide."""

    op: ClassVar[str] = "conv_transpose"
    N: int
    C: int
    H: int
    K: int
    R: int

    @property
    def name(self) -> str:
        return f"{self.R}×{self.R} stride 2 {self.C}→{self.K}, {self.N} of {self.H}² {self.dtype}"

    @property
    def geometry(self) -> dict[str, Any]:
        return dict(stride=2, padding=(self.R - 2) // 2)

    @property
    def flops(self) -> float:
        return 2.0 * self.N * self.H**2 * self.K * self.C * self.R**2

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many elements input, weight and output have."""
        return self.N * self.C * self.H**2, self.C * self.K * self.R**2, self.N * self.K * 4 * self.H**2

    @property
    def bytes(self) -> float:
        return float(self.itemsize * sum(self.sizes))

    def draw(self, rng: np.random.Generator) -> Arrays:
        weight = self.normal(rng, self.C, self.K, self.R, self.R, scale=(self.C * self.R**2 / 4) ** -0.5)
        return self.normal(rng, self.N, self.C, self.H, self.H), weight

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        for label, channels_last in FORMATS.items():
            x, weight = (place.fastnets(a, channels_last) for a in arrays)
            yield Contender.of("fastnets" + label, F.conv_transpose2d, x, weight, **self.geometry)

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        for label, channels_last in FORMATS.items():
            x, weight = (place.torch(a, channels_last) for a in arrays)
            yield Contender.of("torch" + label, torch.nn.functional.conv_transpose2d, x, weight, **self.geometry)

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        x, weight = arrays
        pads = [self.geometry["padding"]] * 4
        attributes: dict[str, Any] = dict(strides=[2, 2], pads=pads, kernel_shape=[self.R] * 2)
        run = one_node("ConvTranspose", {"x": x}, {"weight": weight}, place, **attributes)
        if run is not None:
            yield Contender("onnxruntime", "onnxruntime", run)


@dataclass(frozen=True, kw_only=True)
class ConvTransposeBackward(ConvTranspose):
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
        return *super().draw(rng), self.normal(rng, self.N, self.K, 2 * self.H, 2 * self.H)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        for label, channels_last in FORMATS.items():
            *inputs, dy = (place.fastnets(a, channels_last) for a in arrays)
            run = pull(F.conv_transpose2d, inputs, dy, **self.geometry)
            yield Contender("fastnets", "fastnets" + label, run)

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        for label, channels_last in FORMATS.items():
            *inputs, dy = (place.torch(a, channels_last) for a in arrays)
            run = torch_pull(torch.nn.functional.conv_transpose2d, inputs, dy, **self.geometry)
            yield Contender("torch", "torch" + label, run)

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield from ()


# channels, height, output channels, kernel
_LAYERS = [(512, 14, 256, 2), (256, 28, 128, 2), (128, 56, 64, 2), (512, 4, 256, 4), (256, 8, 128, 4), (128, 16, 64, 4)]


def _all(kind: type[ConvTranspose], row: str) -> Iterator[Workload]:
    for N in (1, 8):
        for C, H, K, R in _LAYERS:
            yield kind(N=N, C=C, H=H, K=K, R=R, rows=(row,))


WORKLOADS: list[Workload] = [
    *_all(ConvTranspose, "conv_transpose2d"),
    *_all(ConvTransposeBackward, "conv_transpose2d backward"),
]
