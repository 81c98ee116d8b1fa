"""The affine map: products of all shapes, a row at a time, and calls that are over in a microsecond."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import fastnets.functional as F
from fastnets.backends import pack_weight

from ..gradients import pull, torch_pull
from ..peers import Place, one_node
from ..workload import Arrays, Contender, Workload

__all__ = ["WORKLOADS", "Linear", "LinearBackward", "SmallLinear"]


@dataclass(frozen=True, kw_only=True)
class Linear(Workload):
    """``output (M, N) = input (M, K) · weight (N, K)ᵀ + bias``.

    `packed`: the weight stays the same from call to call, as after ``eval()``: fastnets and onnxruntime have packed it.
    """

    op: ClassVar[str] = "linear"
    M: int
    K: int
    N: int
    packed: bool = False

    @property
    def name(self) -> str:
        return f"{self.M}×{self.K}×{self.N} {self.dtype}" + (" packed" if self.packed else "")

    @property
    def flops(self) -> float:
        return 2.0 * self.M * self.K * self.N

    @property
    def bytes(self) -> float:
        return self.itemsize * float(self.M * self.K + self.N * self.K + self.N + self.M * self.N)

    def draw(self, rng: np.random.Generator) -> Arrays:
        weight = self.normal(rng, self.N, self.K, scale=max(self.K, 1) ** -0.5)
        return self.normal(rng, self.M, self.K), weight, self.normal(rng, self.N)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        x, weight, bias = map(place.fastnets, arrays)
        yield Contender.of("fastnets", F.linear, x, pack_weight("linear", weight) if self.packed else weight, bias)

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        yield Contender.of("torch", torch.nn.functional.linear, *map(place.torch, arrays))

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        x, weight, bias = arrays
        fed, known = {"x": x}, {"weight": weight, "bias": bias}
        if not self.packed:
            fed, known = fed | known, {}
        run = one_node("Gemm", fed, known, place, transB=1)
        if run is not None:
            yield Contender("onnxruntime", "onnxruntime", run)

    def numpy(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        if self.dtype in ("float32", "float64"):
            yield Contender.of("numpy", lambda x, weight, bias: x @ weight.T + bias, *arrays)


@dataclass(frozen=True, kw_only=True)
class LinearBackward(Linear):
    """The gradients of input, weight and bias: two products of the same size."""

    @property
    def name(self) -> str:
        return super().name + " backward"

    @property
    def flops(self) -> float:
        return 2 * super().flops

    @property
    def bytes(self) -> float:  # of input and weight, read; their gradients, written; the output's, read
        return self.itemsize * float(2 * self.M * self.K + 2 * self.N * self.K + self.N + self.M * self.N)

    def draw(self, rng: np.random.Generator) -> Arrays:
        return *super().draw(rng), self.normal(rng, self.M, self.N)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        *inputs, dy = map(place.fastnets, arrays)
        yield Contender("fastnets", "fastnets", pull(F.linear, inputs, dy))

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        *inputs, dy = map(place.torch, arrays)
        yield Contender("torch", "torch", torch_pull(torch.nn.functional.linear, inputs, dy))

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield from ()

    def numpy(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        if self.dtype in ("float32", "float64"):
            yield Contender.of("numpy", lambda x, w, b, dy: (dy @ w, dy.T @ x, dy.sum(0)), *arrays)


@dataclass(frozen=True, kw_only=True)
class SmallLinear(Linear):
    """A call so small that only its overhead counts, on NumPy arrays or torch tensors."""

    M: int = 4
    K: int = 8
    N: int = 8
    library: str = "numpy"

    @property
    def name(self) -> str:
        return f"{self.M}×{self.K}×{self.N} {self.dtype}, a call on {self.library}"

    @property
    def flops(self) -> float:
        return 0.0

    @property
    def bytes(self) -> float:
        return 0.0

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        convert: Any = place.torch if self.library == "torch" else place.fastnets
        yield Contender.of("fastnets", F.linear, *map(convert, arrays))

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        if self.library == "torch":
            yield from super().torch(arrays, place)

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield from ()

    def numpy(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        if self.library == "numpy":
            yield from super().numpy(arrays, place)


_SQUARE = "linear 1024³ / 2048³"
_OTHER = "linear 1024×384×1536, 1×4096², 16×1024×4096"
_HALF = "linear bfloat16 1024³ / 2048³"
_SQUARES: list[dict[str, Any]] = [dict(M=1024, K=1024, N=1024), dict(M=2048, K=2048, N=2048)]
_OTHERS: list[dict[str, Any]] = [dict(M=1024, K=384, N=1536), dict(M=1, K=4096, N=4096), dict(M=16, K=1024, N=4096)]

_HOST: dict[str, Any] = dict(devices=("cpu",))

WORKLOADS: list[Workload] = [
    *(Linear(rows=(_SQUARE,), **size) for size in _SQUARES),
    *(Linear(rows=(f"{_SQUARE}, packed",), packed=True, **_HOST, **size) for size in _SQUARES),
    *(Linear(rows=(_OTHER,), **size) for size in _OTHERS),
    *(Linear(rows=(f"{_OTHER}, packed",), packed=True, **_HOST, **size) for size in _OTHERS),
    *(Linear(rows=(_HALF,), dtype="bfloat16", **size) for size in _SQUARES),
    *(Linear(rows=(f"{_HALF}, packed",), dtype="bfloat16", packed=True, **_HOST, **size) for size in _SQUARES),
    Linear(rows=("linear float64 1024³",), dtype="float64", **_HOST, **_SQUARES[0]),
    Linear(rows=("linear bfloat16 8192³",), dtype="bfloat16", M=8192, K=8192, N=8192, devices=("cuda",)),
    *(LinearBackward(rows=("linear backward",), **size) for size in (_SQUARES[0], _OTHERS[0], _OTHERS[2])),
    LinearBackward(rows=("linear backward bfloat16",), dtype="bfloat16", **_SQUARES[0]),
    SmallLinear(rows=("a small call, NumPy",), **_HOST),
    SmallLinear(rows=("a small call, torch",), library="torch", **_HOST),
]
