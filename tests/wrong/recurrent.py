"""Recurrent nets called right and wrong."""

import numpy as np

from .values import nan, normal


def _weights(gates, layers=2, directions=1, inputs=3, hidden=4, projection=None):
    R, made = projection or hidden, []
    for layer in range(layers):
        for _ in range(directions):
            n = inputs if layer == 0 else directions * R
            w = [normal(gates * hidden, n), normal(gates * hidden, R), normal(gates * hidden), normal(gates * hidden)]
            made.append((*w, normal(R, hidden)) if projection else tuple(w))
    return made


def _options(**others):
    return (
        dict(
            bidirectional=False,
            batch_first=False,
            dropout=0.5,
            zoneout=0.1,
            training=True,
            lengths=np.array([5, 0]),
            seed=3,
        )
        | others
    )


def _replaced(weights, entry, place, value):
    return [tuple(value if (i, j) == (entry, place) else w for j, w in enumerate(e)) for i, e in enumerate(weights)]


_LSTM, _GRU, _RNN = _weights(4), _weights(3), _weights(1)
_CELL = dict(w_ih=normal(16, 3), w_hh=normal(16, 4), b_ih=normal(16), b_hh=normal(16))
_GRU_CELL = dict(w_ih=normal(12, 3), w_hh=normal(12, 4), b_ih=normal(12), b_hh=normal(12))
_RNN_CELL = dict(w_ih=normal(4, 3), w_hh=normal(4, 4), b_ih=normal(4), b_hh=normal(4))

RIGHT = {
    "lstm": (
        "recurrent",
        dict(input=normal(5, 2, 3), weights=_LSTM, state=(normal(2, 2, 4), normal(2, 2, 4)), **_options()),
    ),
    "gru": ("recurrent", dict(input=normal(5, 2, 3), weights=_GRU, state=normal(2, 2, 4), **_options())),
    "rnn": (
        "recurrent",
        dict(input=normal(5, 2, 3), weights=_RNN, state=normal(2, 2, 4), nonlinearity="tanh", **_options()),
    ),
    "lstm_cell": ("recurrent", dict(input=normal(2, 3), hx=(normal(2, 4), normal(2, 4)), **_CELL)),
    "gru_cell": ("recurrent", dict(input=normal(2, 3), hx=normal(2, 4), **_GRU_CELL)),
    "rnn_tanh_cell": ("recurrent", dict(input=normal(2, 3), hx=normal(2, 4), **_RNN_CELL)),
    "rnn_relu_cell": ("recurrent", dict(input=normal(2, 3), hx=normal(2, 4), **_RNN_CELL)),
}

WRONG = [
    ("lstm", "input", normal(3), ValueError, ["(3,)", "time"]),
    ("lstm", "input", normal(5, 2, 7), ValueError, ["(5, 2, 7)", "(16, 3)", "weight_ih_l0"]),
    ("lstm", "input", np.ones((5, 2, 3), np.int64), TypeError, ["int64"]),
    ("lstm", "weights", None, TypeError, ["NoneType"]),
    ("lstm", "weights", [], ValueError, ["0 entries"]),
    ("lstm", "weights", [_LSTM[0], 5], TypeError, ["int"]),
    ("lstm", "weights", [_LSTM[0][:3], _LSTM[1]], ValueError, ["3 arrays"]),
    ("lstm", "state", (normal(2, 2, 5), normal(2, 2, 4)), ValueError, ["(1, 2, 5)", "(1, 2, 4)"]),
    ("lstm", "weights", [_LSTM[0], _weights(4, 1, inputs=4, hidden=5)[0]], ValueError, ["(20, 5)", "(16, 4)"]),
    (
        "lstm",
        "weights",
        _replaced(_LSTM, 1, 0, normal(16, 3)),
        ValueError,
        ["weight_ih_l1 of weights is (16, 3)", "(16, 4)"],
    ),
    ("lstm", "weights", _replaced(_LSTM, 1, 0, normal(14, 4)), ValueError, ["weight_ih_l1 of weights is (14, 4)"]),
    ("lstm", "weights", _replaced(_LSTM, 1, 2, normal(15)), ValueError, ["bias_ih_l1 of weights is (15,)", "(16,)"]),
    ("lstm", "weights", _replaced(_LSTM, 1, 2, None), ValueError, ["weights[1] has no bias_ih", "weights[0]"]),
    ("lstm", "weights", _replaced(_LSTM, 0, 3, None), ValueError, ["weights[0] has no bias_hh", "weights[1]"]),
    ("lstm", "weights", _replaced(_LSTM, 0, 1, None), ValueError, ["weight_hh"]),
    ("lstm", "weights", [(*_LSTM[0], normal(2, 4)), _LSTM[1]], ValueError, ["weight_hr"]),
    ("lstm", "weights", [(*e, normal(2, 5)) for e in _LSTM], ValueError, ["weight_hr_l0 of weights is (2, 5)", "4"]),
    ("gru", "weights", [(*e, normal(2, 4)) for e in _GRU], ValueError, ["5 arrays"]),
    ("gru", "weights", _LSTM, ValueError, ["(16, 3)", "3 · hidden size"]),
    ("lstm", "state", normal(2, 2, 4), TypeError, ["ndarray"]),
    ("lstm", "state", (normal(2, 2, 4),), TypeError, ["tuple"]),
    ("lstm", "state", (normal(1, 2, 4), normal(2, 2, 4)), ValueError, ["(1, 2, 4)", "2 layers"]),
    ("lstm", "state", (normal(2, 2, 4), normal(4, 2, 4)), ValueError, ["(4, 2, 4)", "2 layers"]),
    ("lstm", "state", (normal(2, 3, 4), normal(2, 2, 4)), ValueError, ["(1, 3, 4)", "(1, 2, 4)"]),
    ("lstm", "state", (normal(2, 4), normal(2, 4)), ValueError, ["(1, 4)"]),
    ("gru", "state", normal(3, 2, 4), ValueError, ["(3, 2, 4)", "2 layers"]),
    ("gru", "state", normal(2, 2, 4, dtype=np.float64), TypeError, ["float64"]),
    ("gru", "state", "h", TypeError, ["str"]),
    ("lstm", "lengths", np.array([5, 6]), ValueError, ["6 at element 1", "5"]),
    ("lstm", "lengths", np.array([-1, 5]), ValueError, ["-1 at element 0"]),
    ("lstm", "lengths", np.array([5, 2**40]), ValueError, [str(2**40)]),
    ("lstm", "lengths", np.array([5.0, 2.0]), TypeError, ["float64"]),
    ("lstm", "lengths", np.array([5, 2], np.uint8), TypeError, ["uint8"]),
    ("lstm", "lengths", np.array([5, 2, 1]), ValueError, ["(3,)"]),
    ("lstm", "lengths", [5, 2], TypeError, ["list"]),
    ("lstm", "dropout", 1.5, ValueError, ["1.5"]),
    ("lstm", "dropout", nan, ValueError, ["nan"]),
    ("gru", "zoneout", -0.5, ValueError, ["-0.5"]),
    ("gru", "zoneout", nan, ValueError, ["nan"]),
    ("gru", "seed", 1.5, TypeError, ["1.5"]),
    ("rnn", "nonlinearity", "sigmoid", ValueError, ["sigmoid", "relu"]),
    ("rnn", "training", 1, TypeError, ["1"]),
    ("lstm_cell", "hx", normal(2, 4), TypeError, ["ndarray"]),
    ("lstm_cell", "hx", (normal(2, 5), normal(2, 4)), ValueError, ["(2, 5)", "(2, 4)"]),
    ("lstm_cell", "input", normal(1, 2, 3), ValueError, ["(1, 2, 3)"]),
    ("lstm_cell", "w_hh", normal(16, 5), ValueError, ["w_hh", "(16, 5)"]),
    ("gru_cell", "hx", normal(3, 4), ValueError, ["(3, 4)", "(2, 4)"]),
    ("gru_cell", "w_ih", normal(13, 3), ValueError, ["(13, 3)"]),
    ("gru_cell", "b_ih", normal(11), ValueError, ["(11,)"]),
    ("rnn_tanh_cell", "b_hh", normal(5), ValueError, ["(5,)"]),
    ("rnn_relu_cell", "hx", normal(2, 4, dtype=np.float64), TypeError, ["float64"]),
]
