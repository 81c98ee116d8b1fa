"""Attention: encoders, causal language models, their gradients, and decoding a token at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import fastnets.functional as F

from ..gradients import pull, torch_pull
from ..peers import Place, one_node
from ..workload import Arrays, Contender, Workload

__all__ = ["WORKLOADS", "Attention", "AttentionBackward", "Decoding", "SmallAttention"]


@dataclass(frozen=True, kw_only=True)
class Attention(Workload):
    """``softmax(query keyᵀ / √D) value`` of B sequences of S positions with H heads of D."""

    op: ClassVar[str] = "attention"
    B: int
    H: int
    S: int
    D: int
    causal: bool = False

    @property
    def name(self) -> str:
        return f"{self.B}×{self.H}×{self.S}×{self.D}{' causal' if self.causal else ''} {self.dtype}"

    @property
    def pairs(self) -> float:
        """How many pairs of a query and a key there are."""
        return self.B * self.H * self.S * (self.S + 1) / 2 if self.causal else self.B * self.H * float(self.S) ** 2

    @property
    def flops(self) -> float:  # two products
        return 4.0 * self.pairs * self.D

    @property
    def bytes(self) -> float:
        return 4.0 * self.itemsize * self.B * self.H * self.S * self.D

    def draw(self, rng: np.random.Generator) -> Arrays:
        return tuple(self.normal(rng, self.B, self.H, self.S, self.D) for _ in range(3))

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        inputs = map(place.fastnets, arrays)
        yield Contender.of("fastnets", F.scaled_dot_product_attention, *inputs, is_causal=self.causal)

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        function = torch.nn.functional.scaled_dot_product_attention
        yield Contender.of("torch", function, *map(place.torch, arrays), is_causal=self.causal)

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        if self.dtype != "float32":  # in half precision it has no kernel for the host
            return
        rows = {
            name: np.ascontiguousarray(a.swapaxes(1, 2)).reshape(self.B, self.S, self.H * self.D)
            for name, a in zip(("query", "key", "value"), arrays, strict=True)
        }
        options = {"num_heads": self.H, "unidirectional": int(self.causal)}
        run = one_node("MultiHeadAttention", rows, {}, place, domain="com.microsoft", **options)
        if run is not None:
            shape = self.B, self.S, self.H, self.D
            yield Contender("onnxruntime", "onnxruntime", lambda: run().reshape(shape).swapaxes(1, 2))


@dataclass(frozen=True, kw_only=True)
class AttentionBackward(Attention):
    """The gradients of queries, keys and values: the scores again, and four products."""

    @property
    def name(self) -> str:
        return super().name + " backward"

    @property
    def flops(self) -> float:
        return 2.5 * super().flops

    @property
    def bytes(self) -> float:
        return 2 * super().bytes

    def draw(self, rng: np.random.Generator) -> Arrays:
        return *super().draw(rng), self.normal(rng, self.B, self.H, self.S, self.D)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        *inputs, dy = map(place.fastnets, arrays)
        run = pull(F.scaled_dot_product_attention, inputs, dy, is_causal=self.causal)
        yield Contender("fastnets", "fastnets", run)

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        *inputs, dy = map(place.torch, arrays)
        function = torch.nn.functional.scaled_dot_product_attention
        yield Contender("torch", "torch", torch_pull(function, inputs, dy, is_causal=self.causal))

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield from ()


@dataclass(frozen=True, kw_only=True)
class Decoding(Workload):
    """One query of each of H heads, which share Hk heads of S keys and values: these are what must be read."""

    op: ClassVar[str] = "attention"
    B: int = 1
    H: int = 32
    Hk: int = 8
    S: int = 4096
    D: int = 128

    @property
    def name(self) -> str:
        return f"decoding {self.B}×{self.H} over {self.Hk}, {self.S}×{self.D} {self.dtype}"

    @property
    def flops(self) -> float:
        return 4.0 * self.B * self.H * self.S * self.D

    @property
    def bytes(self) -> float:
        return 2.0 * self.itemsize * self.B * (self.H + self.Hk * self.S) * self.D

    def draw(self, rng: np.random.Generator) -> Arrays:
        query = self.normal(rng, self.B, self.H, 1, self.D)
        return query, *(self.normal(rng, self.B, self.Hk, self.S, self.D) for _ in range(2))

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        inputs = map(place.fastnets, arrays)
        yield Contender.of("fastnets", F.scaled_dot_product_attention, *inputs, enable_gqa=True)

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        query, key, value = map(place.torch, arrays)
        function = torch.nn.functional.scaled_dot_product_attention
        yield Contender.of("torch enable_gqa", function, query, key, value, enable_gqa=True)
        groups = query.reshape(self.B, self.Hk, -1, self.D)
        yield Contender("torch", "torch grouped by hand", lambda: function(groups, key, value).reshape(query.shape))


@dataclass(frozen=True, kw_only=True)
class SmallAttention(Attention):
    """A call so small that only its overhead counts, on NumPy arrays or torch tensors."""

    B: int = 1
    H: int = 1
    S: int = 4
    D: int = 8
    library: str = "numpy"

    @property
    def name(self) -> str:
        return super().name + f", a call on {self.library}"

    @property
    def flops(self) -> float:
        return 0.0

    @property
    def bytes(self) -> float:
        return 0.0

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        convert: Any = place.torch if self.library == "torch" else place.fastnets
        yield Contender.of("fastnets", F.scaled_dot_product_attention, *map(convert, arrays))

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        if self.library == "torch":
            yield from super().torch(arrays, place)

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield from ()


_ENCODER: list[dict[str, Any]] = [dict(B=8, H=12, S=128, D=64), dict(B=1, H=12, S=512, D=64)]
_LONG: dict[str, Any] = dict(B=1, H=8, S=4096, D=128)
_CAUSAL: list[dict[str, Any]] = [dict(B=1, H=16, S=2048, D=d, causal=True) for d in (64, 128)]
_HOST: dict[str, Any] = dict(devices=("cpu",))

WORKLOADS: list[Workload] = [
    *(Attention(rows=("attention forward",), **size) for size in (*_ENCODER, _LONG)),
    Attention(rows=("attention of MiniLM",), B=8, H=12, S=128, D=32),
    *(Attention(rows=("attention causal 16 × 2048, d 64 / 128",), **size) for size in _CAUSAL),
    *(AttentionBackward(rows=("attention backward",), **size) for size in (*_ENCODER, _LONG)),
    AttentionBackward(rows=("attention backward, causal",), **_CAUSAL[0]),
    *(Attention(rows=("attention bfloat16",), dtype="bfloat16", **size) for size in (_ENCODER[0], _LONG)),
    Attention(rows=("attention float16",), dtype="float16", **_ENCODER[0]),
    *(Decoding(rows=("decoding, 32 heads over 8",), dtype=dtype) for dtype in ("float32", "bfloat16")),
    Decoding(rows=("decoding, 12 heads of 8 sequences",), B=8, H=12, Hk=12, S=1024, D=64),
    SmallAttention(rows=("a small call, NumPy",), **_HOST),
    SmallAttention(rows=("a small call, torch",), library="torch", **_HOST),
]
