"""Cross-entropy: of a classifier and of a language model's vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import fastnets.functional as F

from ..gradients import pull, torch_pull
from ..peers import Place
from ..workload import Arrays, Contender, Workload

__all__ = ["WORKLOADS", "CrossEntropy", "CrossEntropyBackward"]


@dataclass(frozen=True, kw_only=True)
class CrossEntropy(Workload):
    """The mean over N rows of logits (N, C): one pass over them."""

    op: ClassVar[str] = "cross_entropy"
    N: int
    C: int

    @property
    def name(self) -> str:
        return f"{self.N}×{self.C} {self.dtype}"

    @property
    def bytes(self) -> float:
        return self.itemsize * float(self.N * self.C) + 8 * self.N

    def draw(self, rng: np.random.Generator) -> Arrays:
        return self.normal(rng, self.N, self.C), rng.integers(0, self.C, self.N)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield Contender.of("fastnets", F.cross_entropy, *map(place.fastnets, arrays))

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        yield Contender.of("torch", torch.nn.functional.cross_entropy, *map(place.torch, arrays))


@dataclass(frozen=True, kw_only=True)
class CrossEntropyBackward(CrossEntropy):
    """The gradient of the logits: another pass that reads, and one that writes."""

    @property
    def name(self) -> str:
        return super().name + " backward"

    @property
    def bytes(self) -> float:
        return super().bytes + self.itemsize * float(self.N * self.C)

    def draw(self, rng: np.random.Generator) -> Arrays:
        return *super().draw(rng), np.ones((), np.float32).astype(self.normal(rng, 1).dtype)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        *inputs, dy = map(place.fastnets, arrays)
        yield Contender("fastnets", "fastnets", pull(F.cross_entropy, inputs, dy))

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        *inputs, dy = map(place.torch, arrays)
        yield Contender("torch", "torch", torch_pull(torch.nn.functional.cross_entropy, inputs, dy))


_SIZES = [(2048, 1000), (1024, 32000)]

WORKLOADS: list[Workload] = [
    *(CrossEntropy(N=N, C=C, rows=("cross_entropy",)) for N, C in _SIZES),
    *(CrossEntropyBackward(N=N, C=C, rows=("cross_entropy backward",)) for N, C in _SIZES),
]
