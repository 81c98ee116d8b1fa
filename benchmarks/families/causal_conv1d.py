"""Causal convolution: the one in front of a Mamba layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import fastnets.functional as F

from ..gradients import pull, torch_pull
from ..peers import FORMATS, Place
from ..workload import Arrays, Contender, Workload

__all__ = ["WORKLOADS", "CausalConv1d", "CausalConv1dBackward"]


def _torch(x: Any, weight: Any, bias: Any) -> Any:
    """The same in PyTorch's words, as models that lack the library write it."""
    import torch.nn.functional as TF

    C, K = weight.shape
    return TF.silu(TF.conv1d(x, weight[:, None], bias, padding=K - 1, groups=C)[..., : x.shape[-1]])


@dataclass(frozen=True, kw_only=True)
class CausalConv1d(Workload):
    """``silu(bias + causal convolution)`` of input (N, C, L) with weight (C, K)."""

    op: ClassVar[str] = "causal_conv1d"
    N: int
    C: int
    L: int
    K: int = 4

    @property
    def name(self) -> str:
        return f"silu, {self.K} taps, {self.N}×{self.C}×{self.L} {self.dtype}"

    @property
    def flops(self) -> float:
        return 2.0 * self.N * self.C * self.L * self.K

    @property
    def bytes(self) -> float:
        return 2.0 * self.itemsize * self.N * self.C * self.L

    def draw(self, rng: np.random.Generator) -> Arrays:
        weight, bias = self.normal(rng, self.C, self.K, scale=self.K**-0.5), self.normal(rng, self.C)
        return self.normal(rng, self.N, self.C, self.L), weight, bias

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        for label, channels_last in FORMATS.items():
            x, weight, bias = (place.fastnets(a, channels_last and a.ndim == 3) for a in arrays)
            yield Contender.of("fastnets" + label, F.causal_conv1d, x, weight, bias, activation="silu")

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield Contender.of("torch", _torch, *map(place.torch, arrays))


@dataclass(frozen=True, kw_only=True)
class CausalConv1dBackward(CausalConv1d):
    """The gradients of input, weight and bias."""

    @property
    def name(self) -> str:
        return super().name + " backward"

    @property
    def flops(self) -> float:
        return 2 * super().flops

    @property
    def bytes(self) -> float:  # input, pre-activation and the output's gradient, read; the input's gradient, written
        return 4.0 * self.itemsize * self.N * self.C * self.L

    def draw(self, rng: np.random.Generator) -> Arrays:
        return *super().draw(rng), self.normal(rng, self.N, self.C, self.L)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        for label, channels_last in FORMATS.items():
            *inputs, dy = (place.fastnets(a, channels_last and a.ndim == 3) for a in arrays)
            yield Contender("fastnets", "fastnets" + label, pull(F.causal_conv1d, inputs, dy, activation="silu"))

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        *inputs, dy = map(place.torch, arrays)
        yield Contender("torch", "torch", torch_pull(_torch, inputs, dy))


WORKLOADS: list[Workload] = [
    kind(N=N, C=C, L=L, rows=(row,), devices=("cpu",))
    for kind, row in ((CausalConv1d, "causal_conv1d"), (CausalConv1dBackward, "causal_conv1d backward"))
    for N, C, L in ((1, 1536, 128), (1, 1536, 2048), (4, 2048, 2048))
]
