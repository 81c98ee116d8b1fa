"""One step of an optimizer over a large parameter, in place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fastnets.backends import ops

from ..peers import Place
from ..workload import Arrays, Contender, Workload

__all__ = ["ADAM", "SGD", "AdamW", "Sgd"]

_LR, _BETAS, _EPS, _DECAY, _MOMENTUM = 1e-3, (0.9, 0.999), 1e-8, 1e-2, 0.9


@dataclass(frozen=True, kw_only=True)
class AdamW(Workload):
    """A step of `size` elements: parameter, gradient and two averages are read, all but the gradient written."""

    op: ClassVar[str] = "adam"
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
            ops.adam(parameter, gradient, *averages, None, 1, _LR, *_BETAS, _EPS, _DECAY, True, False)
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


@dataclass(frozen=True, kw_only=True)
class Sgd(Workload):
    """A step with momentum of `size` elements: parameter, gradient, momentum are read, the first and last written."""

    op: ClassVar[str] = "sgd"
    size: int = 1 << 24

    @property
    def name(self) -> str:
        return f"sgd of {self.size} {self.dtype}"

    @property
    def bytes(self) -> float:
        return 5.0 * self.itemsize * self.size

    def draw(self, rng: np.random.Generator) -> Arrays:
        return self.normal(rng, self.size), self.normal(rng, self.size)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        parameter, gradient = (place.fastnets(a.copy()) for a in arrays)
        momentum = place.fastnets(np.zeros_like(arrays[0]))

        def step() -> Any:
            ops.sgd(parameter, gradient, momentum, None, _LR, _MOMENTUM, 0.0, _DECAY, False, False, False)
            return parameter

        yield Contender("fastnets", "fastnets", step)

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        parameter, gradient = (place.torch(a.copy()) for a in arrays)
        parameter.grad = gradient
        optimizer = torch.optim.SGD([parameter], _LR, _MOMENTUM, 0.0, _DECAY, fused=True)

        def step() -> Any:
            optimizer.step()
            return parameter

        yield Contender("torch", "torch fused", step)


ADAM: list[Workload] = [AdamW(rows=("adamw",))]
SGD: list[Workload] = [Sgd(rows=("sgd",))]
