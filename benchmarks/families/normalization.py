"""Normalisations: of images by channel or group, of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import fastnets.functional as F

from ..gradients import pull, torch_pull
from ..peers import FORMATS, Place
from ..workload import Arrays, Contender, Workload

__all__ = ["BATCH_NORM", "GROUP_NORM", "LAYER_NORM", "RMS_NORM"]


@dataclass(frozen=True, kw_only=True)
class _Norm(Workload):
    """An image or rows, weight and bias, and in the backward pass dy; a subclass says what is called on them.

    A forward pass reads x and writes y, a backward pass reads x and dy and writes dx.
    """

    backward: bool = False
    label: ClassVar[str] = ""

    @property
    def shape(self) -> tuple[int, ...]:
        raise NotImplementedError

    @property
    def formats(self) -> dict[str, bool]:
        return {"": False}

    def call(self, functional: Any) -> Callable[..., Any]:
        """The function of the input and the parameters, of our `functional` or of torch's."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        size = "×".join(map(str, self.shape))
        return f"{self.label}{size} {self.dtype}{' backward' if self.backward else ''}"

    @property
    def bytes(self) -> float:
        return self.itemsize * float(np.prod(self.shape)) * (3 if self.backward else 2)

    def parameters(self, rng: np.random.Generator) -> Arrays:
        return self.normal(rng, self.shape[1]), self.normal(rng, self.shape[1])

    def draw(self, rng: np.random.Generator) -> Arrays:
        dy = (self.normal(rng, *self.shape),) if self.backward else ()
        return self.normal(rng, *self.shape), *self.parameters(rng), *dy

    def _contenders(self, library: str, placed: Any, functional: Any, pull_back: Any, arrays: Arrays) -> Any:
        function = self.call(functional)
        for label, channels_last in self.formats.items():
            images = [a.ndim > 2 for a in arrays]
            given = [placed(a, channels_last and image) for a, image in zip(arrays, images, strict=True)]
            if not self.backward:
                yield Contender.of(library + label, function, *given)
            else:
                *inputs, dy = given
                yield Contender(library, library + label, pull_back(function, inputs, dy))

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield from self._contenders("fastnets", place.fastnets, F, pull, arrays)

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        yield from self._contenders("torch", place.torch, torch.nn.functional, torch_pull, arrays)


@dataclass(frozen=True, kw_only=True)
class _Images(_Norm):
    N: int
    C: int
    H: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.N, self.C, self.H, self.H

    @property
    def formats(self) -> dict[str, bool]:
        return FORMATS


@dataclass(frozen=True, kw_only=True)
class BatchNormTraining(_Images):
    """With the batch's statistics, which are not tracked."""

    op: ClassVar[str] = "batch_norm_training"
    label: ClassVar[str] = "training "

    def call(self, functional: Any) -> Callable[..., Any]:
        def batch_norm(input: Any, weight: Any, bias: Any) -> Any:
            return functional.batch_norm(input, None, None, weight, bias, training=True)

        return batch_norm


@dataclass(frozen=True, kw_only=True)
class BatchNormInference(_Images):
    """With running statistics."""

    op: ClassVar[str] = "batch_norm_inference"
    label: ClassVar[str] = "inference "

    def parameters(self, rng: np.random.Generator) -> Arrays:
        weight, bias = super().parameters(rng)
        return 0 * bias, 1 + 0 * weight, weight, bias

    def call(self, functional: Any) -> Callable[..., Any]:
        return functional.batch_norm


@dataclass(frozen=True, kw_only=True)
class GroupNorm(_Images):
    """In 32 groups."""

    op: ClassVar[str] = "group_norm"

    def call(self, functional: Any) -> Callable[..., Any]:
        def group_norm(input: Any, weight: Any, bias: Any) -> Any:
            return functional.group_norm(input, 32, weight, bias)

        return group_norm


@dataclass(frozen=True, kw_only=True)
class LayerNorm(_Norm):
    """M rows of D elements."""

    op: ClassVar[str] = "layer_norm"
    M: int
    D: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.M, self.D

    def call(self, functional: Any) -> Callable[..., Any]:
        def layer_norm(input: Any, weight: Any, bias: Any) -> Any:
            return functional.layer_norm(input, (self.D,), weight, bias)

        return layer_norm


@dataclass(frozen=True, kw_only=True)
class RMSNorm(LayerNorm):
    """M rows of D elements."""

    op: ClassVar[str] = "rms_norm"

    def parameters(self, rng: np.random.Generator) -> Arrays:
        return (self.normal(rng, self.D),)

    def call(self, functional: Any) -> Callable[..., Any]:
        def rms_norm(input: Any, weight: Any) -> Any:
            return functional.rms_norm(input, (self.D,), weight)

        return rms_norm


_IMAGES = [(8, 64, 112), (8, 256, 56), (8, 512, 28), (8, 2048, 7)]
_ROWS = [(128, 384), (8192, 768), (4096, 4096)]

BATCH_NORM: list[Workload] = [
    *(BatchNormInference(N=N, C=C, H=H, rows=("batch_norm",)) for N, C, H in _IMAGES),
    *(BatchNormTraining(N=N, C=C, H=H, rows=("batch_norm",)) for N, C, H in _IMAGES),
    *(BatchNormTraining(N=N, C=C, H=H, backward=True, rows=("batch_norm backward",)) for N, C, H in _IMAGES),
]
GROUP_NORM: list[Workload] = [
    *(GroupNorm(N=N, C=C, H=H, rows=("group_norm",)) for N, C, H in _IMAGES[1:3]),
    *(GroupNorm(N=N, C=C, H=H, backward=True, rows=("group_norm backward",)) for N, C, H in _IMAGES[1:3]),
]
LAYER_NORM: list[Workload] = [
    *(LayerNorm(M=M, D=D, rows=("layer_norm",)) for M, D in _ROWS),
    *(LayerNorm(M=M, D=D, backward=True, rows=("layer_norm backward",)) for M, D in _ROWS),
    LayerNorm(M=8192, D=768, dtype="bfloat16", rows=("layer_norm bfloat16",)),
]
RMS_NORM: list[Workload] = [
    *(RMSNorm(M=M, D=D, rows=("rms_norm",)) for M, D in _ROWS),
    *(RMSNorm(M=M, D=D, backward=True, rows=("rms_norm backward",)) for M, D in _ROWS),
]
