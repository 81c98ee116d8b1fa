"""Whole residual networks in eval: 224 × 224 images in, scores of 1,000 classes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

import fastnets

from ..peers import FORMATS, Place, exported
from ..workload import Arrays, Contender, Workload

__all__ = ["WORKLOADS"]

_BLOCKS = {"resnet18": ((2, 2, 2, 2), False), "resnet50": ((3, 4, 6, 3), True)}
_IMAGE = (3, 224, 224)


@dataclass(frozen=True, kw_only=True)
class ResNetEval(Workload):
    """N images through a residual network."""

    op: ClassVar[str] = "conv"
    N: int
    network: str

    @property
    def name(self) -> str:
        return f"{self.network} N {self.N} {self.dtype}"

    @cached_property
    def _model(self) -> Any:
        """With a batch norm that leaves activations as large as they were, as a trained one does."""
        fastnets.random.seed(0)
        model = getattr(fastnets.models, self.network)()
        model(np.random.default_rng(0).standard_normal((4, *_IMAGE), dtype=np.float32))  # in training: the statistics
        return model.eval()

    @cached_property
    def flops(self) -> float:
        return float(self._model.summary((self.N, *_IMAGE)).flops)

    @cached_property
    def bytes(self) -> float:
        return float(sum(p.nbytes for p in self._model.parameters()) + self.N * 4 * np.prod(_IMAGE))

    def draw(self, rng: np.random.Generator) -> Arrays:
        return (self.normal(rng, self.N, *_IMAGE),)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        for label, channels_last in FORMATS.items():
            yield Contender.of("fastnets" + label, self._model, place.fastnets(arrays[0], channels_last))

    def _peer(self, place: Place) -> Any:
        import torch

        from ..torch_resnet import ResNet

        peer = ResNet(*_BLOCKS[self.network], 1000)
        state = self._model.state_dict()
        peer.load_state_dict({key: torch.as_tensor(np.array(value)) for key, value in state.items()}, strict=False)
        return peer.eval().to(place.device)

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        for label, channels_last in FORMATS.items():
            peer, x = self._peer(place), place.torch(arrays[0], channels_last)
            if channels_last:
                peer = peer.to(memory_format=torch.channels_last)
            yield Contender.of("torch" + label, peer, x)

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield Contender("onnxruntime", "onnxruntime", exported(self._peer(Place()), arrays, place))


WORKLOADS: list[Workload] = [
    ResNetEval(network=network, N=n, rows=(network.replace("resnet", "ResNet-"),), devices=("cpu",))
    for network in _BLOCKS
    for n in (1, 8)
]
