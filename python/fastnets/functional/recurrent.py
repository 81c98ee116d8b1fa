"""Recurrent nets: layers and directions of the op `recurrent`, and single steps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .. import arrays, parts, random
from ..backends import ops, renamed

__all__ = ["gru", "gru_cell", "lstm", "lstm_cell", "rnn", "rnn_relu_cell", "rnn_tanh_cell"]

_recurrent = ops.recurrent
_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
_ABSENT = (None,) * len(_NAMES)
_STEP_WORDS = {"weight_ih": "w_ih", "weight_hh": "w_hh", "bias_ih": "b_ih", "bias_hh": "b_hh"}
Weights = Sequence[Sequence[Any]]


def lstm(
    input: Any,
    weights: Weights,
    state: tuple[Any, Any] | None = None,
    *,
    bidirectional: bool = False,
    batch_first: bool = False,
    dropout: float = 0.0,
    zoneout: float = 0.0,
    training: bool = False,
    lengths: Any = None,
    seed: int | None = None,
) -> tuple[Any, tuple[Any, Any]]:
    """Long short-term memory over sequences, in any number of layers.

    ``i f g o = W_ih x + b_ih + W_hh h + b_hh``, ``c' = σ(f) c + σ(i) tanh(g)``, ``h' = σ(o) tanh(c')``, with a
    projection ``W_hr`` of that.

    {common}
    state : tuple of arrays (layers · directions, B, R) and (layers · directions, B, H), optional
        h and c before the first step; zeros by default. R is H, or the projection's size.
    {options}
    Returns
    -------
    output : array (T, B, directions · R)
        The last layer's h at each step.
    (h_n, c_n) : arrays of the states' shapes
        After the last step of each sequence.
    {errors}
    References
    ----------
    Hochreiter & Schmidhuber, "Long short-term memory", Neural Computation 9, 1997; Sak et al., arXiv:1402.1128
    (projection); Krueger et al., arXiv:1606.01305 (zoneout).

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> layer = np.ones((12, 2)), np.ones((12, 3)), None, None
    >>> output, (h_n, c_n) = F.lstm(np.ones((5, 4, 2)), [layer])
    >>> output.shape, h_n.shape, bool((output[-1] == h_n[0]).all())
    ((5, 4, 3), (1, 4, 3), True)
    """
    if state is not None and (not isinstance(state, (tuple, list)) or len(state) != 2):
        raise TypeError(f"lstm: state must be a tuple (h, c), got {type(state).__name__}")
    h, c = (None, None) if state is None else state
    options = (bidirectional, batch_first, dropout, zoneout, training, lengths, seed)
    output, h_n, c_n = _layers("lstm", "lstm", input, weights, h, c, *options)
    return output, (h_n, c_n)


def gru(
    input: Any,
    weights: Weights,
    state: Any = None,
    *,
    bidirectional: bool = False,
    batch_first: bool = False,
    dropout: float = 0.0,
    zoneout: float = 0.0,
    training: bool = False,
    lengths: Any = None,
    seed: int | None = None,
) -> tuple[Any, Any]:
    """Gated recurrent unit over sequences, in any number of layers.

    ``r z = σ(W_ih x + b_ih + W_hh h + b_hh)``, ``n = tanh(W_in x + b_in + r (W_hn h + b_hn))``,
    ``h' = (1 − z) n + z h``.

    {common}
    state : array (layers · directions, B, H), optional
        h before the first step; zeros by default.
    {options}
    Returns
    -------
    output : array (T, B, directions · H)
        The last layer's h at each step.
    h_n : array (layers · directions, B, H)
        After the last step of each sequence.
    {errors}
    References
    ----------
    Cho et al., arXiv:1406.1078; Krueger et al., arXiv:1606.01305 (zoneout).

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> layer = np.ones((9, 2)), np.ones((9, 3)), None, None
    >>> output, h_n = F.gru(np.ones((5, 4, 2)), [layer], lengths=np.array([5, 1, 0, 3]))
    >>> output.shape, [int((step != 0).any(axis=1).sum()) for step in output]
    ((5, 4, 3), [3, 2, 2, 1, 1])
    """
    options = (bidirectional, batch_first, dropout, zoneout, training, lengths, seed)
    output, h_n, _ = _layers("gru", "gru", input, weights, state, None, *options)
    return output, h_n


def rnn(
    input: Any,
    weights: Weights,
    state: Any = None,
    *,
    nonlinearity: str = "tanh",
    bidirectional: bool = False,
    batch_first: bool = False,
    dropout: float = 0.0,
    zoneout: float = 0.0,
    training: bool = False,
    lengths: Any = None,
    seed: int | None = None,
) -> tuple[Any, Any]:
    """Elman's recurrent net over sequences, in any number of layers.

    ``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)``, or relu.

    {common}
    state : array (layers · directions, B, H), optional
        h before the first step; zeros by default.
    nonlinearity : {{"tanh", "relu"}}
    {options}
    Returns
    -------
    output : array (T, B, directions · H)
        The last layer's h at each step.
    h_n : array (layers · directions, B, H)
        After the last step of each sequence.
    {errors}
    References
    ----------
    Elman, "Finding structure in time", Cognitive Science 14, 1990; Krueger et al., arXiv:1606.01305 (zoneout).

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> layer = np.eye(2), np.eye(2), None, None
    >>> F.rnn(np.ones((3, 2)), [layer], nonlinearity="relu")[0].tolist()
    [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"rnn: nonlinearity is {nonlinearity!r} but must be 'tanh' or 'relu'")
    options = (bidirectional, batch_first, dropout, zoneout, training, lengths, seed)
    output, h_n, _ = _layers("rnn", f"rnn_{nonlinearity}", input, weights, state, None, *options)
    return output, h_n


def lstm_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> tuple[Any, Any]:
    """One step of `lstm`: (h, c) from the input and the last (h, c), in torch's words.

    {step}
    hx : tuple of two arrays (B, H) or (H,), or None for zeros
    {step_weights}
    Returns
    -------
    h, c : arrays (B, H) or (H,)
    {step_errors}
    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> h, c = F.lstm_cell(np.ones((4, 2)), None, np.ones((12, 2)), np.ones((12, 3)))
    >>> h.shape, c.shape
    ((4, 3), (4, 3))
    """
    if hx is not None and (not isinstance(hx, (tuple, list)) or len(hx) != 2):
        raise TypeError(f"lstm_cell: hx must be a tuple (h, c), got {type(hx).__name__}")
    h, c = (None, None) if hx is None else hx
    return _step("lstm_cell", "lstm", input, h, c, w_ih, w_hh, b_ih, b_hh)


def gru_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """One step of `gru`: h from the input and the last h, in torch's words.

    {step}
    hx : array (B, H) or (H,), or None for zeros
    {step_weights}
    Returns
    -------
    array (B, H) or (H,)
    {step_errors}
    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.gru_cell(np.ones((4, 2)), np.ones((4, 3)), np.ones((9, 2)), np.ones((9, 3))).shape
    (4, 3)
    """
    return _step("gru_cell", "gru", input, hx, None, w_ih, w_hh, b_ih, b_hh)


def rnn_tanh_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """One step of `rnn` with tanh: h from the input and the last h, in torch's words.

    {step}
    hx : array (B, H) or (H,), or None for zeros
    {step_weights}
    Returns
    -------
    array (B, H) or (H,)
    {step_errors}
    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.rnn_tanh_cell(np.zeros((4, 2)), np.ones((4, 3)), np.ones((3, 2)), np.eye(3))[0].round(4).tolist()
    [0.7616, 0.7616, 0.7616]
    """
    return _step("rnn_tanh_cell", "rnn_tanh", input, hx, None, w_ih, w_hh, b_ih, b_hh)


def rnn_relu_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """One step of `rnn` with relu: h from the input and the last h, in torch's words.

    {step}
    hx : array (B, H) or (H,), or None for zeros
    {step_weights}
    Returns
    -------
    array (B, H) or (H,)
    {step_errors}
    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.rnn_relu_cell(np.zeros(2), np.array([1.0, -1.0]), np.ones((2, 2)), np.eye(2)).tolist()
    [1.0, 0.0]
    """
    return _step("rnn_relu_cell", "rnn_relu", input, hx, None, w_ih, w_hh, b_ih, b_hh)


def _step(op: str, cell: str, input: Any, h: Any, c: Any, *weights: Any) -> Any:
    options = (cell, "step", 0, 0.0, 0.0, False, 0)
    try:
        return _recurrent(input, h, c, None, *weights, None, *_ABSENT, *options)
    except (TypeError, ValueError) as error:
        raise _in_words_of(
            op, error, {"h_0": "h of hx" if cell == "lstm" else "hx", "c_0": "c of hx"} | _STEP_WORDS
        ) from None


def _layers(
    op: str, cell: str, input: Any, weights: Weights, h: Any, c: Any, bidirectional: bool, batch_first: bool,
    dropout: float, zoneout: float, training: bool, lengths: Any, seed: int | None,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Each layer on the output of the one before: the last one's output, and the states of all."""
    directions = 2 if bidirectional else 1
    given = _checked_weights(op, cell, weights, directions)
    count = len(given) // directions
    states = [_split_state(op, n, s, count, directions) for n, s in (("h", h), ("c", c))]
    lengths = arrays.beside(input, lengths)
    draws = training and (bool(zoneout) or (bool(dropout) and count > 1))
    seed = random.draw_seed() if seed is None and draws else seed or 0
    layout = "batch_first" if batch_first else "time_first"
    last: list[tuple[Any, Any]] = []
    try:
        for layer in range(count):
            own = [each for d in range(directions) for each in given[layer * directions + d]]
            own += _ABSENT * (2 - directions)
            dropped = dropout if layer + 1 < count else 0.0
            options = (cell, layout, layer, dropped, zoneout, training, seed)
            made = _recurrent(input, states[0][layer], states[1][layer], lengths, *own, *options)
            input = made[0]
            last.append((made[1], made[2] if cell == "lstm" else None))
    except (TypeError, ValueError) as error:
        raise _in_words_of(op, error, {"h_0": "h of the state", "c_0": "c of the state"}) from None
    return input, parts.join([h for h, _ in last]), parts.join([c for _, c in last]) if cell == "lstm" else None


def _in_words_of(function: str, error: Exception, words: dict[str, str]) -> Exception:
    """The op's error with its names as the function has them."""
    text = str(renamed(error, function))
    for word, own in words.items():
        text = re.sub(rf"\b{word}\b", own, text)
    return type(error)(text)


def _checked_weights(op: str, cell: str, weights: Weights, directions: int) -> list[tuple[Any, ...]]:
    """The weights of each layer and direction with None for the projection that is not there; all of one kind."""
    if not isinstance(weights, (list, tuple)):
        raise TypeError(f"{op}: weights must be a list with an entry for each layer, got {type(weights).__name__}")
    if not weights or len(weights) % directions:
        what = "layer and direction" if directions == 2 else "layer"
        raise ValueError(f"{op}: weights has {len(weights)} entries but needs one for each {what}")
    counts = (4, 5) if cell == "lstm" else (4,)
    made: list[tuple[Any, ...]] = []
    for i, entry in enumerate(weights):
        if not isinstance(entry, (list, tuple)):
            raise TypeError(f"{op}: weights[{i}] must be a tuple of arrays, got {type(entry).__name__}")
        if len(entry) not in counts:
            expected = " or ".join(map(str, counts))
            raise ValueError(f"{op}: weights[{i}] has {len(entry)} arrays but {expected} are expected: {_NAMES}")
        made.append((*entry, None)[: len(_NAMES)])
        for name, first, this in zip(_NAMES, made[0], made[-1], strict=True):
            if (first is None) != (this is None):
                with_it, without = (i, 0) if first is None else (0, i)
                raise ValueError(f"{op}: weights[{without}] has no {name} but weights[{with_it}] has one")
        first_shape, shape = (getattr(entry[1], "shape", None) for entry in (made[0], made[-1]))
        if first_shape is not None and shape is not None and tuple(first_shape) != tuple(shape):
            raise ValueError(
                f"{op}: weight_hh of weights[{i}] is {tuple(shape)} but that of weights[0] is {tuple(first_shape)}"
            )
    return made


def _split_state(op: str, name: str, state: Any, layers: int, directions: int) -> Sequence[Any]:
    """A state's part for each layer."""
    if state is None:
        return (None,) * layers
    if arrays.library(state) is None:
        raise TypeError(f"{op}: {name} of the state must be an array, got {type(state).__name__}")
    shape = tuple(state.shape)
    if not shape or shape[0] != layers * directions:
        raise ValueError(
            f"{op}: {name} of the state is {shape}, of {len(shape)} dimensions, but {layers} layers in {directions} "
            f"directions expect {layers * directions} states"
        )
    return (state,) if layers == 1 else parts.split(state, layers)


_TEXTS = {
    "common": """Parameters
    ----------
    input : array (T, B, I), or (T, I) for one sequence; with `batch_first` (B, T, I)
        float32, bfloat16, float16 or float64; sums are formed in float32 (float64 for float64).
    weights : list of tuples of arrays
        For each layer, and in it for each direction, ``(weight_ih, weight_hh, bias_ih, bias_hh)`` of shapes (G · H, I),
        (G · H, R), (G · H,) and (G · H,) in torch's order; biases None where absent. I of a further layer is
        directions · R.""",
    "options": """bidirectional : bool
    batch_first : bool
        Whether input and output have the batch before the time.
    dropout : float
        In training, the probability with which elements of the output between layers are zeroed.
    zoneout : float
        In training, the probability with which a unit of h keeps its last value; otherwise h is
        zoneout · h_last + (1 − zoneout) · h_new.
    training : bool
    lengths : integer array (B,), optional
        Steps of each sequence, in any order: those past them give zeros and leave the state alone, and the reverse
        direction begins at a sequence's own end.
    seed : int, optional
        Of what is drawn; by default the next of `fastnets.random`.
""",
    "errors": """
    Raises
    ------
    TypeError
        An argument is no array or has a dtype that is not served.
    ValueError
        Shapes, the number of layers or states, lengths or probabilities make no sense.
""",
    "step": """Parameters
    ----------
    input : array (B, I) or (I,)
        float32, bfloat16, float16 or float64.""",
    "step_weights": """w_ih, w_hh : arrays (G · H, I) and (G · H, H)
    b_ih, b_hh : arrays (G · H,), optional
""",
    "step_errors": """
    Raises
    ------
    TypeError
        An argument is no array or has a dtype that is not served.
    ValueError
        Shapes do not fit.
""",
}
for _function in (lstm, gru, rnn, lstm_cell, gru_cell, rnn_tanh_cell, rnn_relu_cell):
    _function.__doc__ = (_function.__doc__ or "").format(**_TEXTS)
