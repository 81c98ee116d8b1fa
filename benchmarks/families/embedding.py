"""Embedding: of BERT's vocabulary, and of its two token types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import fastnets.functional as F

from ..gradients import pull, torch_pull
from ..peers import Place
from ..workload import Arrays, Contender, Workload

__all__ = ["WORKLOADS", "Embedding", "EmbeddingBackward"]


@dataclass(frozen=True, kw_only=True)
class Embedding(Workload):
    """The rows of a table (V, D) at (B, T) places."""

    op: ClassVar[str] = "embedding"
    V: int
    D: int = 768
    B: int = 32
    T: int = 128

    @property
    def name(self) -> str:
        return f"{self.B}×{self.T} of {self.V}×{self.D} {self.dtype}"

    @property
    def bytes(self) -> float:
        tokens = self.B * self.T
        return 8 * tokens + self.itemsize * float(self.D) * (tokens + min(self.V, tokens))

    def draw(self, rng: np.random.Generator) -> Arrays:
        return rng.integers(0, self.V, (self.B, self.T)), self.normal(rng, self.V, self.D)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield Contender.of("fastnets", F.embedding, *map(place.fastnets, arrays))

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        yield Contender.of("torch", torch.nn.functional.embedding, *map(place.torch, arrays))


@dataclass(frozen=True, kw_only=True)
class EmbeddingBackward(Embedding):
    """The gradient of the table: sums of the output's gradients, and zeros for the rows that nobody looked up."""

    @property
    def name(self) -> str:
        return super().name + " backward"

    @property
    def bytes(self) -> float:
        return 8 * self.B * self.T + self.itemsize * float(self.D) * (self.B * self.T + self.V)

    def draw(self, rng: np.random.Generator) -> Arrays:
        return *super().draw(rng), self.normal(rng, self.B, self.T, self.D)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        *inputs, dy = map(place.fastnets, arrays)
        run = pull(F.embedding, inputs, dy)
        yield Contender("fastnets", "fastnets", lambda: run()[1])

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        *inputs, dy = map(place.torch, arrays)
        yield Contender("torch", "torch", torch_pull(torch.nn.functional.embedding, inputs, dy))


_VOCABULARIES = (30522, 2)

WORKLOADS: list[Workload] = [
    *(Embedding(V=V, rows=("embedding",)) for V in _VOCABULARIES),
    *(EmbeddingBackward(V=V, rows=("embedding backward",)) for V in _VOCABULARIES),
]
