"""The same input gives the same bits: in every run, with every number of threads, at every place in a batch."""

import numpy as np
import pytest

import fastnets
from fastnets import backends
from fastnets.cases import CASES, FLOATS
from fastnets.cases.case import Array, Case, Labels, PositiveState, State
from fastnets.cases.trial import Trial, rows

ROWS = [row for row in rows() if row.backend != "reference"]

# Large enough for several threads to have work.
LARGE = {
    "linear": [
        Case("linear", (Array((259, 530)), Array((391, 530)), Array((391,)), Array((259, 391))), ("gelu",)),
        Case("linear", (Array((1, 2050)), Array((1027, 2050)), None, None), (None,)),
        Case("linear", (Array((2051, 17)), Array((5, 17)), Array((5,)), None), (None,)),
    ],
    "conv": [
        Case("conv", (Array((5, 33, 17, 19)), Array((67, 33, 3, 3)), Array((67,)), None),
             ((1, 1), (1, 1), (1, 1), (1, 1), 1, "zeros", "relu")),
        Case("conv", (Array((1, 67, 33, 35), "channels_last"), Array((67, 1, 3, 3)), Array((67,)), None),
             ((2, 2), (1, 1), (1, 1), (1, 1), 67, "zeros", None)),
        Case("conv", (Array((3, 65, 515)), Array((33, 65, 1)), None, None),
             ((1,), (0,), (0,), (1,), 1, "zeros", "silu")),
    ],
    "max_pool": [
        Case("max_pool", (Array((5, 33, 35, 33)),), ((3, 3), (2, 2), (1, 1), (1, 1), False, True)),
        Case("max_pool", (Array((5, 33, 35, 33), "channels_last"),), ((2, 2), (1, 1), (0, 0), (1, 1), True, False)),
    ],
    "activation": [Case("activation", (Array((513, 257)),), ("gelu_tanh", 0.0))],
    "cross_entropy": [
        Case("cross_entropy", (Array((2051, 65)), Labels((2051,), classes=65), None), (-100, "mean", 0.1)),
        Case("cross_entropy", (Array((9, 30011)), Labels((9,), classes=30011), None), (-100, "none", 0.0)),
        Case("cross_entropy", (Array((5, 7, 33, 65)), Labels((5, 33, 65), classes=7), Array((7,))), (-100, "sum", 0.0)),
    ],
    "dropout": [Case("dropout", (Array((513, 259)),), (0.3, 7))],
    "adamw": [
        Case("adamw", (Array((513, 259)), Array((513, 259)), State((513, 259)), PositiveState((513, 259)), None),
             (3, 1e-3, 0.9, 0.999, 1e-8, 0.01))
    ],
}  # fmt: skip
IN_TABLE = [op for op in CASES if op in backends.OPS]


def bits(trial, row):
    """Outputs and gradients as bytes."""
    call = trial.forward(row)
    results = [result.actual for result in trial.outputs(call)]
    if trial.has_backward:
        results += trial.backward(row, call)
    return [None if a is None else a.tobytes() for a in results]


@pytest.fixture
def threads():
    """`set_num_threads`, undone at the end."""
    before = fastnets.num_threads()
    yield fastnets.set_num_threads
    fastnets.set_num_threads(before)


def test_every_op_is_here():
    assert LARGE.keys() == CASES.keys()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("op", IN_TABLE)
def test_bits_do_not_depend_on_threads_or_run(op, row, dtype, threads, rng, seed):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    large = LARGE[op] if dtype in ("float32", "bfloat16") else []
    for case in [*large, *CASES[op][::4]]:
        if dtype not in case.dtypes:
            continue
        trial = Trial(case, dtype, rng)
        seen = []
        for n in (1, 2, 3, 1):
            threads(n)
            seen.append(bits(trial, row))
        assert all(other == seen[0] for other in seen[1:]), f"seed {seed}, {op} {case}"


def moved(case, arguments, shift):
    """The arguments with everything that has the batch dimension rolled by `shift`."""
    batch = case.inputs[0].shape[0]
    rolled = []
    for name, spec, a in zip(backends.OPS[case.op].inputs, case.inputs, arguments, strict=False):
        has_batch = a is not None and name in ("input", "residual", "target") and spec.shape[0] == batch
        rolled.append(np.roll(a, shift, axis=0) if has_batch else a)
    return (*rolled, *arguments[len(rolled) :])


BATCHED = [
    Case("linear", (Array((37, 129)), Array((65, 129)), Array((65,)), Array((37, 65))), ("gelu",)),
    Case("linear", (Array((300, 33)), Array((17, 33)), None, None), (None,)),
    Case("conv", (Array((5, 17, 9, 11)), Array((33, 17, 3, 3)), Array((33,)), None),
         ((1, 1), (1, 1), (1, 1), (1, 1), 1, "zeros", "tanh")),
    Case("conv", (Array((5, 17, 9, 11), "channels_last"), Array((33, 17, 3, 3)), Array((33,)), None),
         ((2, 2), (1, 1), (1, 1), (1, 1), 1, "zeros", None)),
    Case("conv", (Array((7, 9, 8, 7)), Array((9, 1, 3, 3)), None, None),
         ((1, 1), (1, 1), (1, 1), (1, 1), 9, "zeros", None)),
    Case("conv", (Array((7, 9, 5, 5)), Array((5, 9, 1, 1)), None, None),
         ((1, 1), (0, 0), (0, 0), (1, 1), 1, "zeros", None)),
    Case("max_pool", (Array((5, 3, 9, 7)),), ((3, 3), (2, 2), (1, 1), (1, 1), False, False)),
    Case("activation", (Array((37, 5)),), ("tanh", 0.0)),
    Case("cross_entropy", (Array((37, 65)), Labels((37,), classes=65), None), (-100, "none", 0.1)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("case", [case for case in BATCHED if case.op in backends.OPS], ids=lambda c: f"{c.op} {c}")
def test_bits_do_not_depend_on_the_place_in_the_batch(case, row, dtype, rng, seed):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    arguments = tuple(case.draw(rng, dtype))
    wanted = tuple(name == "input" for name in backends.OPS[case.op].inputs)

    def outputs(shift):
        rolled = moved(case, arguments, shift)
        with row.chosen():
            call = backends.forward(case.op, rolled, True, backend=row.backend)
            dy = np.roll(grad_output, shift, axis=0)
            return call.outputs[0], backends.backward(call, (dy,), wanted)[0]

    with row.chosen():
        shape = backends.forward(case.op, arguments, False, backend=row.backend).outputs[0].shape
    grad_output = rng.standard_normal(shape).astype(arguments[0].dtype)
    expected = outputs(0)
    for shift in range(1, case.inputs[0].shape[0]):
        for e, a in zip(expected, outputs(shift), strict=True):
            assert np.roll(e, shift, axis=0).tobytes() == a.tobytes(), f"seed {seed}: {case} rolled by {shift}"
