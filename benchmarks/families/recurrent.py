"""Recurrent layers: lstm, gru and rnn over whole sequences, forward, and forward with backward as in training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import fastnets
import fastnets.functional as F

from ..peers import Place, one_node
from ..workload import Arrays, Contender, Workload

__all__ = ["WORKLOADS", "Recurrent", "RecurrentTraining"]

_GATES = {"lstm": 4, "gru": 3, "rnn": 1}
_ONNX = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}
_ONNX_ORDER = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "rnn": (0,)}  # of the gates: i o f c, z r h


@dataclass(frozen=True, kw_only=True)
class Recurrent(Workload):
    """One layer of H units on H inputs, B sequences of T steps, time first."""

    op: ClassVar[str] = "recurrent"
    cell: str
    B: int
    H: int
    T: int

    @property
    def name(self) -> str:
        return f"{self.cell} B {self.B} H {self.H} T {self.T} {self.dtype}"

    @property
    def flops(self) -> float:  # two products a step
        return 2 * 2.0 * self.T * self.B * self.H * self.H * _GATES[self.cell]

    @property
    def bytes(self) -> float:
        weights = _GATES[self.cell] * (2 * self.H * self.H + 2 * self.H)
        return self.itemsize * float(weights + 2 * self.T * self.B * self.H)

    def draw(self, rng: np.random.Generator) -> Arrays:
        rows, scale = _GATES[self.cell] * self.H, self.H**-0.5
        shapes = (rows, self.H), (rows, self.H), (rows,), (rows,)
        weights = (self.normal(rng, *shape, scale=scale / 2) for shape in shapes)
        return self.normal(rng, self.T, self.B, self.H), *weights

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        x, *weights = map(place.fastnets, arrays)
        function = getattr(F, self.cell)
        yield Contender("fastnets", "fastnets", lambda: function(x, [weights])[0])

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        x, *weights = map(place.torch, arrays)
        run = self.torch_function(x.new_zeros(1, self.B, self.H))
        yield Contender("torch", "torch", lambda: run(x, weights)[0])

    def torch_function(self, zero: Any) -> Callable[[Any, list[Any]], Any]:
        import torch

        function = getattr(torch, "rnn_tanh" if self.cell == "rnn" else self.cell)
        state = (zero, zero) if self.cell == "lstm" else zero
        return lambda x, weights: function(x, state, weights, True, 1, 0.0, False, False, False)

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        x, *weights = arrays

        def ordered(w: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            gates = np.split(w, _GATES[self.cell])
            return np.concatenate([gates[i] for i in _ONNX_ORDER[self.cell]])

        w, r, b_ih, b_hh = map(ordered, weights)
        constants = {"W": w[None], "R": r[None], "B": np.concatenate([b_ih, b_hh])[None]}
        attributes: dict[str, Any] = {"hidden_size": self.H} | (
            {"linear_before_reset": 1} if self.cell == "gru" else {}
        )
        run = one_node(_ONNX[self.cell], {"x": x}, constants, place, **attributes)
        if run is not None:
            yield Contender("onnxruntime", "onnxruntime", lambda: run()[:, 0])


@dataclass(frozen=True, kw_only=True)
class RecurrentTraining(Recurrent):
    """Forward, and the gradients of input, weights and biases."""

    @property
    def name(self) -> str:
        return super().name + " forward + backward"

    @property
    def flops(self) -> float:
        return 3 * super().flops

    @property
    def bytes(self) -> float:  # weights and sequences again as gradients; the gates, written and read
        return 3 * super().bytes + 2 * 4 * float(_GATES[self.cell] * self.T * self.B * self.H)

    def draw(self, rng: np.random.Generator) -> Arrays:
        return *super().draw(rng), self.normal(rng, self.T, self.B, self.H)

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        x, *weights, dy = map(place.fastnets, arrays)
        function = getattr(F, self.cell)

        def run() -> Any:
            _, backward = fastnets.vjp(function, x, [weights])
            dx, dweights = backward((dy, None))
            return dx, *dweights[0]

        yield Contender("fastnets", "fastnets", run)

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        import torch

        x, *weights, dy = map(place.torch, arrays)
        function = self.torch_function(x.new_zeros(1, self.B, self.H))
        for array in (x, *weights):
            array.requires_grad_()

        def run() -> Any:
            with torch.enable_grad():
                y = function(x, weights)[0]
            return torch.autograd.grad(y, [x, *weights], dy)

        yield Contender("torch", "torch", run)

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        yield from ()


_SIZES: list[dict[str, Any]] = [
    dict(B=1, H=256, T=128),
    dict(B=1, H=1024, T=25),
    dict(B=16, H=512, T=50),
    dict(B=32, H=1024, T=25),
    dict(B=64, H=256, T=100),
]

WORKLOADS: list[Workload] = [
    *(Recurrent(cell=cell, rows=(f"{cell} forward",), **size) for cell in _GATES for size in _SIZES),
    *(RecurrentTraining(cell=cell, rows=(f"{cell} forward + backward",), **size) for cell in _GATES for size in _SIZES),
]
