"""Cases of recurrent: input, h_0, c_0, lengths, five weights of each direction; then what `case` lists."""

from dataclasses import dataclass

import numpy as np

from .case import FLOATS, Array, Case

GATES = {"rnn_tanh": 1, "rnn_relu": 1, "lstm": 4, "gru": 3}


@dataclass(frozen=True)
class Lengths(Array):
    """Lengths up to ``longest``, the first of them that one; every further fifth is 0."""

    longest: int = 1
    integer: str = "int64"

    def values(self, rng):
        lengths = rng.integers(1, self.longest + 1, self.shape)
        lengths[::5] = 0
        lengths[:1] = self.longest
        return lengths

    def dtype(self, dtype):
        return np.dtype(self.integer)


def case(
    cell, T, B, N, H, *, directions=1, projection=0, bias=True, state=False, lengths=None, layout="time_first", layer=0,
    dropout=0.0, zoneout=0.0, training=False, seed=0, layouts=None,
    dtypes=FLOATS,
):  # fmt: skip
    """``N`` inputs. ``B`` None: without a batch. ``lengths``: the integer type. ``layouts``: by kind of input."""
    layouts, R, G = layouts or {}, projection or H, GATES[cell]
    batch = () if B is None else (B,)
    leading = {"time_first": (T, *batch), "batch_first": (*batch, T), "step": batch}[layout]
    states = batch if layout == "step" else (directions, *batch)

    def array(shape, kind, scale=1.0):
        return Array(shape, layouts.get(kind, "contiguous"), scale)

    # sums of order 1, where the gates bend; small enough a state's weight that no error grows from step to step
    inputs = [
        array((*leading, N), "input"),
        array((*states, R), "state", 0.5) if state else None,
        array((*states, H), "state", 0.5) if state and cell == "lstm" else None,
        None if lengths is None else Lengths(batch, longest=T, integer=lengths),
    ]
    for d in range(2):
        here = d < directions
        inputs += [
            array((G * H, N), "weight", max(N, 1) ** -0.5) if here else None,
            array((G * H, R), "weight", 0.3 * max(R, 1) ** -0.5) if here else None,
            array((G * H,), "bias", 0.5) if here and bias else None,
            array((G * H,), "bias", 0.5) if here and bias else None,
            array((R, H), "weight", 0.6 * max(H, 1) ** -0.5) if here and projection else None,
        ]
    return Case("recurrent", tuple(inputs), (cell, layout, layer, dropout, zoneout, training, seed), dtypes)


CELLS = list(GATES)
EXACT_OPERANDS = ("float32", "float16", "float64")

CASES = [
    # sizes around the tiles (6 × 16, 14 × 32), the vectors and the chains of 256 terms
    *[case(cell, 4, 3, 5, 7) for cell in CELLS],
    *[case(cell, 3, 1, 9, 33, state=True) for cell in CELLS],
    *[case(cell, 5, 7, 17, 18, directions=2, state=True) for cell in CELLS],
    *[case(cell, 3, 16, 33, 35, bias=False, state=True) for cell in CELLS],
    case("lstm", 2, 29, 7, 65, directions=2),
    case("gru", 2, 37, 12, 34, state=True),
    # wide: of so many operands rounded to bfloat16, the worst case hides everything
    case("rnn_tanh", 2, 2, 300, 270, dtypes=EXACT_OPERANDS),
    case("lstm", 2, 4, 3, 261, state=True, dtypes=EXACT_OPERANDS),
    case("gru", 9, 5, 4, 3),
    # projections
    case("lstm", 4, 5, 6, 19, projection=7, state=True),
    case("lstm", 3, 17, 9, 13, projection=35, directions=2, bias=False),
    # more rows than the input is multiplied for at once
    case("lstm", 6, 43, 3, 257, directions=2, lengths="int64", dtypes=("float32", "float64")),
    # lengths
    *[case(cell, 6, 11, 5, 9, directions=2, state=True, lengths="int64") for cell in CELLS],
    *[case(cell, 6, 4, 5, 9, directions=2, state=True, lengths="int64") for cell in CELLS],
    case("lstm", 5, 19, 7, 18, projection=6, directions=2, lengths="int32"),
    case("gru", 7, 8, 3, 17, lengths="int32", layout="batch_first"),
    case("rnn_relu", 4, 7, 3, 17, directions=2, lengths="int64", zoneout=0.3, training=True, seed=3),
    # layouts of the sequence
    *[case(cell, 4, None, 5, 9, directions=2, state=True) for cell in CELLS],
    case("lstm", 5, 6, 7, 17, layout="batch_first", directions=2, state=True),
    case("gru", 1, 6, 7, 17, layout="batch_first"),
    case("rnn_tanh", 5, None, 7, 17, layout="batch_first"),
    # a single step: within a block's 32 sequences and 8 units and beyond; from 65 sequences on by other products
    *[case(cell, 1, 5, 7, 19, layout="step", state=True) for cell in CELLS],
    *[case(cell, 1, 34, 16, 24, layout="step", state=True) for cell in CELLS],
    *[case(cell, 1, 67, 7, 19, layout="step", state=True) for cell in CELLS],
    *[case(cell, 1, None, 7, 19, layout="step", state=cell == "lstm") for cell in CELLS],
    *[case(cell, 1, 5, 70, 41, layout="step", bias=False) for cell in CELLS],
    *[case(cell, 1, 3, 8, 16, state=True) for cell in CELLS],
    case("rnn_relu", 1, 70, 19, 7, layout="step", bias=False),
    case("gru", 1, 2, 4100, 3, layout="step", state=True, dtypes=EXACT_OPERANDS),
    case("lstm", 1, 65, 520, 5, layout="step", state=True, dtypes=EXACT_OPERANDS),
    case("lstm", 1, 3, 9, 130, layout="step", state=True, dtypes=EXACT_OPERANDS),
    case("gru", 1, 3, 300, 261, layout="step", state=True, dtypes=EXACT_OPERANDS),
    case("lstm", 1, 5, 7, 19, layout="step", state=True, zoneout=0.3),
    # dropout and zoneout
    *[case(cell, 5, 6, 4, 17, state=True, zoneout=0.3) for cell in CELLS],
    *[case(cell, 5, 6, 4, 17, state=True, zoneout=0.3, training=True, seed=7) for cell in CELLS],
    case("lstm", 4, 5, 6, 19, projection=7, directions=2, zoneout=0.4, training=True, seed=11, layer=2),
    case("lstm", 4, 5, 6, 19, dropout=0.5, directions=2, training=True, seed=2**63 - 1, layer=1),
    case("gru", 4, 9, 6, 17, dropout=0.3, zoneout=0.2, training=True, seed=-5, lengths="int64", directions=2),
    case("rnn_tanh", 4, 5, 6, 17, dropout=1.0, training=True, layout="batch_first"),
    case("lstm", 4, 5, 6, 17, zoneout=1.0, training=True, state=True),
    case("gru", 4, 5, 6, 17, dropout=0.5),  # not in training: nothing is dropped
    # empty
    case("lstm", 0, 3, 5, 7, state=True, directions=2),
    case("gru", 3, 0, 5, 7, state=True),
    case("rnn_tanh", 3, 0, 5, 7, lengths="int64"),
    case("lstm", 3, 4, 0, 7),
    case("gru", 3, 4, 5, 0),
    *[case(cell, 1, 0, 5, 7, layout="step", state=True) for cell in CELLS],
    case("lstm", 1, 4, 0, 7, layout="step", state=True),
    case("gru", 1, 66, 0, 7, layout="step"),
    case("lstm", 1, 4, 5, 0, layout="step"),
    # layouts in memory
    *[
        case(cell, 1, B, 16, 24, layout="step", state=True,
             layouts={k: layout for k in ("input", "weight", "state", "bias")})
        for cell, B in (("lstm", 5), ("gru", 66))
        for layout in ("transposed", "rows", "strided", "negative", "offset", "broadcast", "readonly")
    ],
    case("lstm", 4, 5, 6, 17, state=True, layouts={k: "transposed" for k in ("input", "weight", "state")}),
    case("gru", 4, 5, 6, 17, state=True, layouts={k: "rows" for k in ("input", "weight", "state")}),
    case("rnn_tanh", 4, 5, 6, 17, state=True, directions=2,
         layouts={k: "strided" for k in ("input", "weight", "state", "bias")}),
    case("lstm", 4, 5, 6, 17, state=True, layout="batch_first", projection=3,
         layouts={k: "negative" for k in ("input", "weight", "state", "bias")}),
    case("gru", 4, 5, 6, 17, state=True, lengths="int64", layouts={"input": "broadcast", "state": "broadcast"}),
    case("lstm", 4, 5, 6, 17, state=True, layouts={k: "offset" for k in ("input", "weight", "state", "bias")}),
    case("rnn_relu", 4, 5, 6, 17, state=True, layouts={k: "readonly" for k in ("input", "weight", "state", "bias")}),
]  # fmt: skip

LARGE = [  # enough for several threads to have work
    case("lstm", 4, 33, 65, 130, directions=2, state=True, lengths="int64"),
    case("gru", 6, 1, 40, 300, state=True),
    case("rnn_tanh", 3, 65, 30, 290, directions=2, state=True),
    case("lstm", 3, 40, 50, 150, projection=70, zoneout=0.2, dropout=0.3, training=True, seed=5),
]

BATCHED = [  # of independent parts along the first dimension
    case("lstm", 3, 17, 9, 19, layout="batch_first", directions=2),
    case("gru", 1, 5, 9, 19, layout="step"),
    case("lstm", 1, 67, 9, 19, layout="step"),
]
