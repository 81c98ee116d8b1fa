"""Rotary embedding: of the queries of a long sequence, of a batch, of one step of decoding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import fastnets.functional as F

from ..peers import Place
from ..workload import Arrays, Contender, Workload

__all__ = ["WORKLOADS", "RotaryEmbedding"]


@dataclass(frozen=True, kw_only=True)
class RotaryEmbedding(Workload):
    """Queries (B, H, L, D) turned by their positions. Peers have sines and cosines ready; ours makes them."""

    op: ClassVar[str] = "rotary_embedding"
    B: int
    H: int
    L: int
    D: int

    @property
    def name(self) -> str:
        return f"{self.B}×{self.H}×{self.L}×{self.D} {self.dtype}"

    @property
    def bytes(self) -> float:
        return 2.0 * self.itemsize * self.B * self.H * self.L * self.D + 8 * self.L

    def draw(self, rng: np.random.Generator) -> Arrays:
        return self.normal(rng, self.B, self.H, self.L, self.D), np.arange(self.L) + 100

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield Contender.of("fastnets", F.rotary_embedding, *map(place.fastnets, arrays))

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        x = place.torch(arrays[0])
        angle = np.tile(arrays[1][:, None] * 10000.0 ** (-np.arange(0, self.D, 2) / self.D), 2)
        cos, sin = (place.torch(f(angle).astype(arrays[0].dtype)) for f in (np.cos, np.sin))
        half = self.D // 2

        def turn(x: Any) -> Any:
            return x * cos + torch.cat((-x[..., half:], x[..., :half]), dim=-1) * sin

        yield Contender.of("torch", turn, x)


_SIZES = ((1, 32, 2048, 128), (8, 12, 128, 64), (1, 32, 1, 128))

WORKLOADS: list[Workload] = [
    RotaryEmbedding(B=B, H=H, L=L, D=D, dtype=dtype, rows=("rotary embedding",))
    for dtype in ("float32", "bfloat16")
    for B, H, L, D in _SIZES
]
