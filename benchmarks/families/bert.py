"""A BERT of MiniLM-L6's size in eval, from ids to hidden states, with random weights."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import fastnets
from fastnets.models import Bert

from ..peers import Place
from ..workload import Arrays, Contender, Workload
from . import bert_peers

__all__ = ["WORKLOADS", "Encoder"]

_SIZES = bert_peers.SIZES
_H, _INNER, _LAYERS = _SIZES["hidden_size"], _SIZES["intermediate_size"], _SIZES["num_hidden_layers"]


@dataclass(frozen=True, kw_only=True)
class Encoder(Workload):
    """Texts of these lengths, in tokens; padded to the longest, with a mask, where they differ."""

    op: ClassVar[str] = "attention"
    lengths: tuple[int, ...]

    @property
    def name(self) -> str:
        shortest, longest = min(self.lengths), max(self.lengths)
        tokens = f"{longest}" if shortest == longest else f"({shortest} to {longest})"
        return f"MiniLM-L6 {len(self.lengths)} × {tokens} tokens {self.dtype}"

    @property
    def flops(self) -> float:  # of the tokens that are there
        products = 2.0 * sum(self.lengths) * (4 * _H * _H + 2 * _H * _INNER)
        return _LAYERS * (products + sum(4.0 * n * n * _H for n in self.lengths))

    @property
    def bytes(self) -> float:
        return self.itemsize * float(_LAYERS * (4 * _H * _H + 2 * _H * _INNER) + 2 * sum(self.lengths) * _H)

    def draw(self, rng: np.random.Generator) -> Arrays:
        with fastnets.random.skip_drawing():
            state = Bert(**_SIZES).state_dict()
        scales = {name: 0.1 if array.ndim == 1 else array.shape[-1] ** -0.5 for name, array in state.items()}
        weights = {name: self.normal(rng, *array.shape, scale=scales[name]) for name, array in state.items()}
        for name in weights:
            if "norm" in name.lower() and name.endswith("weight"):
                weights[name] += 1
        mask = np.arange(max(self.lengths)) < np.array(self.lengths)[:, np.newaxis]
        return np.where(mask, rng.integers(1, _SIZES["vocab_size"], mask.shape), 0), mask, weights

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        ids, mask, weights = arrays
        with fastnets.random.skip_drawing():
            model = Bert(**_SIZES).to(self.dtype)
        model.load_state_dict(weights)
        model.eval()
        yield Contender("fastnets", "fastnets", self.shown(lambda: model(ids, None if mask.all() else mask)))

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        ids, mask, weights = place.torch(arrays[0]), place.torch(arrays[1]), arrays[2]
        given = None if mask.all() else mask
        weights = {name: place.torch(array) for name, array in weights.items()}
        model = bert_peers.torch_encoder(weights)
        yield Contender("torch", "torch nn.TransformerEncoder", self.shown(lambda: model(ids, given)))
        if importlib.util.find_spec("transformers") is not None:
            for attention in ("eager", "sdpa"):
                model = bert_peers.transformers_model(weights, attention)
                label = f"torch transformers {attention}"
                yield Contender("torch", label, self.shown(lambda model=model: model(ids, given)))  # type: ignore[misc]

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        ids, mask, weights = arrays
        if self.dtype == "float32":
            run = bert_peers.onnx_model(ids, mask, weights, place)
            yield Contender("onnxruntime", "onnxruntime", self.shown(run))

    def shown(self, run: Callable[[], Any]) -> Callable[[], Any]:
        """What all contenders agree on: the places that are tokens in every text."""
        shortest = min(self.lengths)
        return lambda: run()[:, :shortest]


def _ragged(count: int, longest: int) -> tuple[int, ...]:
    return tuple(int(n) for n in np.linspace(longest / 8, longest, count))


WORKLOADS: list[Workload] = [
    Encoder(lengths=(16,), rows=("MiniLM-L6 encoder",)),
    Encoder(lengths=(128,) * 8, rows=("MiniLM-L6 encoder",)),
    Encoder(lengths=_ragged(32, 128), rows=("MiniLM-L6 encoder, texts of different lengths",)),
    Encoder(lengths=(128,) * 8, dtype="bfloat16", rows=("MiniLM-L6 encoder bfloat16",)),
]
