"""Every op of the table, in every case, on every backend, instruction set and dtype, against its float64 reference."""

from functools import lru_cache

import numpy as np
import pytest

import fastnets
from fastnets import backends
from fastnets.cases import CASES, FLOATS, state_dtype
from fastnets.cases.trial import Trial, rows

ROWS = rows()
ALL = [
    pytest.param(op, number, dtype, id=f"{op} {case} {dtype}")
    for op, cases in CASES.items()
    if op in backends.OPS
    for number, case in enumerate(cases)
    for dtype in case.dtypes
]


@lru_cache(maxsize=8)
def trial_of(op, number, dtype, session_seed):
    """One draw for all rows: the reference is slow."""
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    seed = [session_seed, number, FLOATS.index(dtype)]
    return Trial(CASES[op][number], dtype, np.random.default_rng(seed))


def skip_unless_served(row, op, dtype, case=None):
    if not row.serves(op, dtype, case):
        pytest.skip(f"{op} in {dtype} is not there on {row}")


def snapshot(arrays):
    return [a.tobytes() if isinstance(a, np.ndarray) else a for a in arrays]


def test_the_table_has_cases():
    assert set(backends.OPS) <= set(CASES)


def dtypes_of_outputs(op, dtype):
    wide = {"norm", "scale", "attention"}  # what is formed in the accumulator's dtype stays in it
    return {dtype, np.dtype(np.int64)} | ({state_dtype(dtype), np.dtype(np.float32)} if op in wide else set())


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("op, number, dtype", ALL)
def test_op(op, number, dtype, row, session_seed):
    skip_unless_served(row, op, dtype, CASES[op][number])
    trial = trial_of(op, number, dtype, session_seed)
    where = f"{op} {trial.case} on {row} in {dtype}, FASTNETS_TEST_SEED={session_seed}"
    before = snapshot(trial.arguments)
    call = trial.forward(row)
    for result in trial.outputs(call):
        assert result.worst() <= 1, f"{where}: {result}"
    for output in call.outputs:
        assert output is None or output.dtype in dtypes_of_outputs(op, trial.dtype), where
    if trial.has_backward:
        for result, input in zip(trial.gradients(trial.backward(row, call)), trial.arguments, strict=False):
            assert result.worst() <= 1, f"{where}: {result}"
            assert result.actual is None or result.actual.dtype == input.dtype, f"{where}: {result.name}"
    assert snapshot(trial.arguments) == before, f"{where}: an input was written to"


def is_channels_last(a):
    return np.moveaxis(a, 1, -1).flags.c_contiguous


IMAGE_OPS = (
    "conv", "conv_transpose", "causal_conv1d", "max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool",
    "batch_norm_inference", "batch_norm_training",
)  # fmt: skip
CHANNELS_LAST = [p for p in ALL if CASES[p.values[0]][p.values[1]].inputs[0].layout == "channels_last"]


@pytest.mark.parametrize("op, number, dtype", [p for p in CHANNELS_LAST if p.values[0] in IMAGE_OPS])
def test_channels_last_stays_channels_last(op, number, dtype, session_seed):
    trial = trial_of(op, number, dtype, session_seed)
    call = trial.forward(ROWS[0])
    images = [y for name, y in zip(trial.op.outputs, call.outputs, strict=True) if name != "final_state"]
    assert all(is_channels_last(y) for y in images if y is not None)
    assert is_channels_last(trial.backward(ROWS[0], call)[0])


WITH_GRADIENTS = [op for op in CASES if op in backends.OPS and any(backends.OPS[op].has_gradient)]
EMULATED = [row for row in ROWS if str(row) == "cuda-emulated"]  # where gradients of a single step come in pairs


@pytest.mark.parametrize(
    "op, row", [(op, ROWS[0]) for op in WITH_GRADIENTS] + [("recurrent", row) for row in EMULATED], ids=str
)
def test_gradients_do_not_depend_on_which_are_wanted(op, row, session_seed):
    for number in range(0, len(CASES[op]), 3):
        if not row.serves(op, "float32", CASES[op][number]):
            continue
        trial = trial_of(op, number, "float32", session_seed)
        call = trial.forward(row)
        together = trial.backward(row, call)
        for place, expected in enumerate(together):
            if expected is None:
                continue
            alone = trial.backward(row, call, tuple(i == place for i in range(len(together))))
            assert alone[place].tobytes() == expected.tobytes(), f"{trial.case}, input {place}"
            assert all(g is None for i, g in enumerate(alone) if i != place)


@pytest.mark.parametrize("row", ROWS[:-1], ids=str)
@pytest.mark.parametrize("op", WITH_GRADIENTS)
def test_broadcast_gradient_is_read_as_its_copy(op, row, session_seed):
    """The gradient of a sum has stride 0 everywhere."""
    skip_unless_served(row, op, "float32")
    for number in range(0, len(CASES[op]), 3):
        if not row.serves(op, "float32", CASES[op][number]):
            continue
        trial = trial_of(op, number, "float32", session_seed)
        call = trial.forward(row)
        drawn = trial.grad_outputs
        trial.grad_outputs = tuple(None if dy is None else np.full(dy.shape, 0.7, dy.dtype) for dy in drawn)
        expected = trial.backward(row, call)
        trial.grad_outputs = tuple(
            None if dy is None else np.broadcast_to(dy.dtype.type(0.7), dy.shape) for dy in drawn
        )
        made = trial.backward(row, call)
        trial.grad_outputs = drawn
        for e, g in zip(expected, made, strict=True):
            assert (e is None and g is None) or e.tobytes() == g.tobytes(), f"{row}: {trial.case}"


@pytest.mark.parametrize("op", [op for op in CASES if op in backends.OPS and backends.OPS[op].outputs])
def test_the_short_way_computes_the_same(op, session_seed):
    """The compiled function by itself, with nothing saved for backward, gives the bits that the dispatcher gives."""
    for number in range(len(CASES[op])):
        trial = trial_of(op, number, "float32", session_seed)
        expected = [y for y in trial.forward(ROWS[0]).outputs if y is not None]
        made = getattr(backends.ops, op)(*trial.arguments)
        made = made if isinstance(made, tuple) else (made,)
        assert [y.tobytes() for y in made] == [y.tobytes() for y in expected], trial.case


@pytest.mark.parametrize("op", [op for op in ("linear", "conv") if op in backends.OPS])
@pytest.mark.parametrize("dtype", FLOATS)
def test_packed_weights_compute_the_same(op, dtype, session_seed):
    for number in range(len(CASES[op])):
        trial = trial_of(op, number, dtype, session_seed)
        x, weight, *rest = trial.arguments
        packed = backends.pack_weight(op, weight)
        for row in (row for row in ROWS[:-1] if row.serves(op, dtype, CASES[op][number])):
            with row.chosen(), fastnets.use_backend(row.backend):
                plain, with_panels = (getattr(backends.ops, op)(x, w, *rest) for w in (weight, packed))
            assert plain.tobytes() == with_panels.tobytes(), f"{row}: {trial.case}"
