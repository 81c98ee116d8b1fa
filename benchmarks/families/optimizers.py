"""One step of an optimizer over a large parameter, in place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fastnets.backends import ops

from ..peers import Place
from ..workload import Arrays, Contender, Workload

__all__ = ["WORKLOADS", "AdamW"]

_LR, _BETAS, _EPS, _DECAY = 1e-3, (0.9, 0.999), 1e-8, 1e-2


@dataclass(frozen=True, kw_only=True)
class AdamW(Workload):
    """A step of `size` elements: parameter, gradient and two averages are read, all but the gradient written."""

    op: ClassVar[str] = "adamw"
    size: int = 1 << 24

    @property
    def name(self) -> str:
        return f"adamw of {self.size} {self.dtype}"

    @property
    def bytes(self) -> float:
        return 7.0 * self.itemsize * self.size

    def draw(self, rng: np.random.Generator) -> Arrays:
        return self.normal(rng, self.size), self.normal(rng, self.size)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        parameter, gradient = (place.fastnets(a.copy()) for a in arrays)
        averages = [place.fastnets(np.zeros_like(arrays[0])) for _ in range(2)]

        def step() -> Any:
            ops.adamw(parameter, gradient, *averages, None, 1, _LR, *_BETAS, _EPS, _DECAY)
            return parameter

        yield Contender("fastnets", "fastnets", step)

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        parameter, gradient = (place.torch(a.copy()) for a in arrays)
        parameter.grad = gradient
        optimizer = torch.optim.AdamW([parameter], _LR, _BETAS, _EPS, _DECAY, fused=True)

        def step() -> Any:
            optimizer.step()
            return parameter

        yield Contender("torch", "torch fused", step)


WORKLOADS: list[Workload] = [AdamW(rows=("adamw",))]
