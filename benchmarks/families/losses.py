"""Losses: of a classifier and of a language model's vocabulary, and those of single numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import fastnets.functional as F
from fastnets.cases import numpy_dtype

from ..gradients import pull, torch_pull
from ..peers import Place
from ..workload import Arrays, Contender, Workload

__all__ = [
    "BINARY_CROSS_ENTROPY",
    "CROSS_ENTROPY",
    "MSE_LOSS",
    "NLL_LOSS",
    "BinaryCrossEntropy",
    "BinaryCrossEntropyBackward",
    "CrossEntropy",
    "CrossEntropyBackward",
    "NLLLoss",
    "NLLLossBackward",
    "SquaredError",
    "SquaredErrorBackward",
]


@dataclass(frozen=True, kw_only=True)
class _Mean(Workload):
    """A loss as the mean over its terms, under its name in both libraries; a backward draws the loss's gradient too."""

    is_backward: ClassVar[bool] = False

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        function, arrays = getattr(F, self.op), tuple(map(place.fastnets, arrays))
        if self.is_backward:
            yield Contender("fastnets", "fastnets", pull(function, arrays[:-1], arrays[-1]))
        else:
            yield Contender.of("fastnets", function, *arrays)

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        function, arrays = getattr(torch.nn.functional, self.op), tuple(map(place.torch, arrays))
        if self.is_backward:
            yield Contender("torch", "torch", torch_pull(function, arrays[:-1], arrays[-1]))
        else:
            yield Contender.of("torch", function, *arrays)

    def one(self) -> np.ndarray[Any, Any]:
        """The gradient of the loss."""
        return np.ones((), numpy_dtype(self.dtype))


@dataclass(frozen=True, kw_only=True)
class CrossEntropy(_Mean):
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


@dataclass(frozen=True, kw_only=True)
class CrossEntropyBackward(CrossEntropy):
    """The gradient of the logits: another pass that reads, and one that writes."""

    is_backward: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return super().name + " backward"

    @property
    def bytes(self) -> float:
        return super().bytes + self.itemsize * float(self.N * self.C)

    def draw(self, rng: np.random.Generator) -> Arrays:
        return *super().draw(rng), self.one()


@dataclass(frozen=True, kw_only=True)
class NLLLoss(CrossEntropy):
    """The mean over one log-probability of each row: a cache line each."""

    op: ClassVar[str] = "nll_loss"

    @property
    def bytes(self) -> float:
        return (64.0 + 8) * self.N


@dataclass(frozen=True, kw_only=True)
class NLLLossBackward(NLLLoss):
    """The gradient of the log-probabilities: zeros, but for one of each row."""

    is_backward: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return super().name + " backward"

    @property
    def bytes(self) -> float:
        return self.itemsize * float(self.N * self.C) + 8 * self.N

    def draw(self, rng: np.random.Generator) -> Arrays:
        return *super().draw(rng), self.one()


@dataclass(frozen=True, kw_only=True)
class SquaredError(_Mean):
    """The mean of N squares of differences."""

    op: ClassVar[str] = "mse_loss"
    N: int

    @property
    def name(self) -> str:
        return f"{self.N} {self.dtype}"

    @property
    def bytes(self) -> float:
        return 2.0 * self.itemsize * self.N

    def draw(self, rng: np.random.Generator) -> Arrays:
        return self.normal(rng, self.N), rng.random(self.N).astype(numpy_dtype(self.dtype))


@dataclass(frozen=True, kw_only=True)
class SquaredErrorBackward(SquaredError):
    """The gradients of both arrays."""

    is_backward: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return super().name + " backward"

    @property
    def bytes(self) -> float:
        return 2 * super().bytes

    def draw(self, rng: np.random.Generator) -> Arrays:
        return *super().draw(rng), self.one()


@dataclass(frozen=True, kw_only=True)
class BinaryCrossEntropy(SquaredError):
    """The mean of N cross entropies of a logit and a probability."""

    op: ClassVar[str] = "binary_cross_entropy_with_logits"


@dataclass(frozen=True, kw_only=True)
class BinaryCrossEntropyBackward(SquaredErrorBackward):
    """The gradients of both arrays."""

    op: ClassVar[str] = "binary_cross_entropy_with_logits"


_SIZES = [(2048, 1000), (1024, 32000)]

CROSS_ENTROPY: list[Workload] = [
    *(CrossEntropy(N=N, C=C, rows=("cross_entropy",)) for N, C in _SIZES),
    *(CrossEntropyBackward(N=N, C=C, rows=("cross_entropy backward",)) for N, C in _SIZES),
]
NLL_LOSS: list[Workload] = [
    *(NLLLoss(N=N, C=C, rows=("nll_loss",)) for N, C in _SIZES),
    *(NLLLossBackward(N=N, C=C, rows=("nll_loss backward",)) for N, C in _SIZES),
]
_COUNTS = (1 << 18, 1 << 23)  # in the second cache, in none
MSE_LOSS: list[Workload] = [
    *(SquaredError(N=N, rows=("mse_loss",)) for N in _COUNTS),
    *(SquaredErrorBackward(N=N, rows=("mse_loss backward",)) for N in _COUNTS),
]
BINARY_CROSS_ENTROPY: list[Workload] = [
    *(BinaryCrossEntropy(N=N, rows=("binary_cross_entropy_with_logits",)) for N in _COUNTS),
    *(BinaryCrossEntropyBackward(N=N, rows=("binary_cross_entropy_with_logits backward",)) for N in _COUNTS),
]
