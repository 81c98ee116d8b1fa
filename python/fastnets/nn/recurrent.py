"""Recurrent layers, and the cells that they are made of."""

from __future__ import annotations

import math
import warnings
from functools import partial
from typing import Any

from .. import functional as F
from .. import random
from . import arguments
from .module import Module
from .tree import Array

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]


class _Recurrent(Module):
    """What the layers share; a subclass names its number of gates and its function."""

    gates: int
    nonlinearity: str | None = None  # of RNN

    def _build(
        self, input_size: int, hidden_size: int, num_layers: int, bias: bool, batch_first: bool, dropout: float,
        bidirectional: bool, proj_size: int, device: Any, dtype: Any, zoneout: float,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        self.input_size = arguments.integer(name, "input_size", input_size, least=1)
        self.hidden_size = arguments.integer(name, "hidden_size", hidden_size, least=1)
        self.num_layers = arguments.integer(name, "num_layers", num_layers, least=1)
        self.proj_size = arguments.integer(name, "proj_size", proj_size, least=0)
        if self.proj_size >= self.hidden_size:
            raise ValueError(f"{name}: proj_size is {proj_size} but less than hidden_size {hidden_size} is expected")
        for flag, value in (("bias", bias), ("batch_first", batch_first), ("bidirectional", bidirectional)):
            if not isinstance(value, bool):
                raise TypeError(f"{name}: {flag} is {value!r} but True or False is expected")
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        self.dropout = arguments.probability(name, "dropout", dropout)
        self.zoneout = arguments.probability(name, "zoneout", zoneout)
        if self.dropout and self.num_layers == 1:
            warnings.warn(f"{name}: dropout acts between layers, but there is one only", stacklevel=3)
        self._names_of_weights = [
            [self._register(layer, suffix) for suffix in ("", "_reverse")[: 2 if bidirectional else 1]]
            for layer in range(self.num_layers)
        ]
        self.to(device=device, dtype=dtype)

    def _register(self, layer: int, suffix: str) -> list[str | None]:
        """Create the parameters of one layer and direction; their names, None for a bias that is not there."""
        H, R, rows = self.hidden_size, self.proj_size or self.hidden_size, self.gates * self.hidden_size
        inputs = R * (2 if self.bidirectional else 1) if layer else self.input_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs), "weight_hh": (rows, R)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (R, H)
        bound = 1 / math.sqrt(H)
        names: dict[str, str | None] = {"bias_ih": None, "bias_hh": None}
        for what, shape in shapes.items():
            names[what] = name = f"{what}_l{layer}{suffix}"
            self.register_parameter(name, random.uniform(-bound, bound, shape))
        order = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", *(("weight_hr",) if self.proj_size else ()))
        return [names[what] for what in order]

    def _weights(self) -> list[tuple[Array | None, ...]]:
        entries = (entry for layer in self._names_of_weights for entry in layer)
        return [tuple(None if name is None else getattr(self, name) for name in entry) for entry in entries]

    def operation(
        self, input: Array, state: Any = None, lengths: Any = None, seed: int | None = None, *, hx: Any = None
    ) -> partial[Any]:
        """``hx`` is torch's name of the state."""
        options = {"nonlinearity": self.nonlinearity} if self.nonlinearity else {}
        return partial(
            getattr(F, type(self).__name__.lower()),
            input,
            weights=self._weights(),
            state=hx if state is None else state,
            bidirectional=self.bidirectional,
            batch_first=self.batch_first,
            dropout=self.dropout,
            zoneout=self.zoneout,
            training=self.training,
            lengths=lengths,
            seed=seed,
            **options,
        )

    def flops(self, inputs: tuple[Any, ...], output: Any) -> int:
        steps = math.prod(inputs[0].shape[:-1])
        return (
            2
            * steps
            * sum(math.prod(w.shape) for entry in self._weights() for w in entry if w is not None and w.ndim == 2)
        )

    def extra_repr(self) -> str:
        shown = [
            f"{self.input_size}, {self.hidden_size}",
            f"proj_size={self.proj_size}" if self.proj_size else "",
            f"num_layers={self.num_layers}" if self.num_layers != 1 else "",
            "" if self.bias else "bias=False",
            "batch_first=True" if self.batch_first else "",
            f"dropout={self.dropout}" if self.dropout else "",
            "bidirectional=True" if self.bidirectional else "",
            f"zoneout={self.zoneout}" if self.zoneout else "",
        ]
        return ", ".join(filter(None, shown))


_DOC = """{title}

    Parameters
    ----------
    input_size, hidden_size : int
        Features of the input, and units.
    num_layers : int
        Layers, each on the output of the one before.{more}
    bias : bool
        Whether the layers have biases.
    batch_first : bool
        Whether input and output are (B, T, features) rather than (T, B, features).
    dropout : float
        In training, the probability with which outputs between layers are zeroed.
    bidirectional : bool
        Whether a second net runs from the end of each sequence; outputs stand side by side.{projection}
    device, dtype
        Where the parameters live, as `Module.to` takes it; float32 NumPy by default.
    zoneout : float
        In training, the probability with which a unit keeps its last value.

    Attributes
    ----------
    weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, … : array
        As torch calls them, initially from U(-1/√hidden_size, 1/√hidden_size).

    Raises
    ------
    ValueError, TypeError
        For sizes, probabilities and flags out of range.

    Notes
    -----
    ``layer(input, state=None, lengths=None)`` returns {returns}; see `fastnets.functional.{function}`.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.{name}(3, 4, num_layers=2, bidirectional=True)
    >>> layer(np.ones((5, 2, 3), np.float32))[0].shape
    (5, 2, 8)
    """


class RNN(_Recurrent):
    __doc__ = _DOC.format(
        title="Elman's recurrent net: ``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)``, or relu.",
        name="RNN",
        function="rnn",
        returns="``(output, h_n)``",
        more='\n    nonlinearity : "tanh" or "relu"',
        projection="",
    )
    gates = 1

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, device: Any = None,
        dtype: Any = None, *, zoneout: float = 0.0,
    ) -> None:  # fmt: skip
        self.nonlinearity = _nonlinearity("RNN", nonlinearity)
        self._build(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype, zoneout
        )


class LSTM(_Recurrent):
    __doc__ = _DOC.format(
        title="Long short-term memory.",
        name="LSTM",
        function="lstm",
        returns="``(output, (h_n, c_n))``",
        more="",
        projection="\n    proj_size : int\n        Features of a projection of h, or 0 for none.",
    )
    gates = 4

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0, device: Any = None, dtype: Any = None,
        *, zoneout: float = 0.0,
    ) -> None:  # fmt: skip
        self._build(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device, dtype,
            zoneout,
        )  # fmt: skip


class GRU(_Recurrent):
    __doc__ = _DOC.format(
        title="Gated recurrent unit.",
        name="GRU",
        function="gru",
        returns="``(output, h_n)``",
        more="",
        projection="",
    )
    gates = 3

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, device: Any = None, dtype: Any = None, *,
        zoneout: float = 0.0,
    ) -> None:  # fmt: skip
        self._build(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype, zoneout
        )


class _Cell(Module):
    """One step; a subclass names its number of gates and its function."""

    gates: int

    weight_ih: Array
    weight_hh: Array
    bias_ih: Array | None
    bias_hh: Array | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        name = type(self).__name__
        self.input_size = arguments.integer(name, "input_size", input_size, least=0)
        self.hidden_size = arguments.integer(name, "hidden_size", hidden_size, least=1)
        self.bias = bias
        rows, bound = self.gates * self.hidden_size, 1 / math.sqrt(self.hidden_size)
        self.register_parameter("weight_ih", random.uniform(-bound, bound, (rows, self.input_size)))
        self.register_parameter("weight_hh", random.uniform(-bound, bound, (rows, self.hidden_size)))
        for each in ("bias_ih", "bias_hh"):
            self.register_parameter(each, random.uniform(-bound, bound, (rows,)) if bias else None)
        self.to(device=device, dtype=dtype)

    def _function(self) -> Any:
        raise NotImplementedError

    def operation(self, input: Array, hx: Any = None) -> partial[Any]:
        weights = {"w_ih": self.weight_ih, "w_hh": self.weight_hh, "b_ih": self.bias_ih, "b_hh": self.bias_hh}
        return partial(self._function(), input, hx, **weights)

    def flops(self, inputs: tuple[Any, ...], output: Any) -> int:
        return 2 * math.prod(inputs[0].shape[:-1]) * (math.prod(self.weight_ih.shape) + math.prod(self.weight_hh.shape))

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


_CELL_DOC = """{title}

    Parameters
    ----------
    input_size, hidden_size : int
        Features of the input, and units.
    bias : bool
        Whether there are biases.{more}
    device, dtype
        Where the parameters live, as `Module.to` takes it; float32 NumPy by default.

    Attributes
    ----------
    weight_ih, weight_hh, bias_ih, bias_hh : array
        Initially from U(-1/√hidden_size, 1/√hidden_size).

    Raises
    ------
    ValueError, TypeError
        For sizes out of range.

    Notes
    -----
    ``cell(input, hx=None)`` returns {returns}; see `fastnets.functional.{function}`.

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> cell = fn.nn.{name}(3, 4)
    >>> cell(np.ones((2, 3), np.float32)){first}.shape
    (2, 4)
    """


class RNNCell(_Cell):
    __doc__ = _CELL_DOC.format(
        title="One step of Elman's recurrent net.",
        name="RNNCell",
        more='\n    nonlinearity : "tanh" or "relu"',
        returns="h",
        function="rnn_tanh_cell",
        first="",
    )
    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.nonlinearity = _nonlinearity("RNNCell", nonlinearity)
        super().__init__(input_size, hidden_size, bias, device, dtype)

    def _function(self) -> Any:
        return F.rnn_tanh_cell if self.nonlinearity == "tanh" else F.rnn_relu_cell

    def extra_repr(self) -> str:
        shown = super().extra_repr()
        return shown if self.nonlinearity == "tanh" else f"{shown}, nonlinearity={self.nonlinearity}"


class LSTMCell(_Cell):
    __doc__ = _CELL_DOC.format(
        title="One step of long short-term memory.",
        name="LSTMCell",
        more="",
        returns="``(h, c)``",
        function="lstm_cell",
        first="[0]",
    )
    gates = 4

    def _function(self) -> Any:
        return F.lstm_cell


class GRUCell(_Cell):
    __doc__ = _CELL_DOC.format(
        title="One step of a gated recurrent unit.", name="GRUCell", more="", returns="h", function="gru_cell", first=""
    )
    gates = 3

    def _function(self) -> Any:
        return F.gru_cell


def _nonlinearity(layer: str, value: str) -> str:
    if value not in ("tanh", "relu"):
        raise ValueError(f"{layer}: nonlinearity is {value!r} but 'tanh' or 'relu' is expected")
    return value
