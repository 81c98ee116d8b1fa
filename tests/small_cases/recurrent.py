"""Small cases of recurrent: op, inputs (drawn), parameters."""

import numpy as np

from .draw import normal

GATES = {"rnn_tanh": 1, "lstm": 4, "gru": 3}  # relu is not smooth where its argument is 0


def _case(cell, T, B, *, directions=1, projection=None, state=True, bias=True, lengths=None, layout="time_first",
          dropout=0.0, zoneout=0.0, training=False):  # fmt: skip
    N, H, G = 2, 3, GATES[cell]
    R, states = projection or H, (directions, B)
    sequence = {"time_first": (T, B), "batch_first": (B, T), "step": (B,)}[layout]
    weights = []
    for d in range(2):
        shapes = (G * H, N), (G * H, R), (G * H,) if bias else None, (G * H,) if bias else None
        shapes = (*shapes, (R, H) if projection else None)
        weights += [normal(*s) if s and d < directions else None for s in shapes]
    inputs = (
        normal(*sequence, N),
        normal(*states[layout == "step" :], R) if state else None,
        normal(*states[layout == "step" :], H) if state and cell == "lstm" else None,
        None if lengths is None else lambda rng: np.array(lengths),
        *weights,
    )
    return "recurrent", inputs, (cell, layout, 1, dropout, zoneout, training, 5)


CASES = [
    *[_case(cell, 3, 2, directions=2, lengths=[1, 3]) for cell in GATES],
    *[_case(cell, 2, 2, zoneout=0.3) for cell in GATES],
    *[_case(cell, 3, 2, zoneout=0.4, dropout=0.4, training=True, layout="batch_first") for cell in GATES],
    *[_case(cell, 1, 2, layout="step") for cell in GATES],
    _case("lstm", 3, 2, projection=2, directions=2, lengths=[3, 0]),
    _case("lstm", 2, 2, projection=2, state=False, bias=False, zoneout=0.5, training=True),
    _case("gru", 0, 2),
    _case("gru", 2, 0),
]
