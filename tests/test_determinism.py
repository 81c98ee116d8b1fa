"""The same input gives the same bits: in every run, with every number of threads, at every place in a batch."""

import numpy as np
import pytest

import fastnets
from fastnets import backends
from fastnets.cases import BATCHED, CASES, FLOATS, LARGE
from fastnets.cases.trial import Trial, rows

ROWS = [row for row in rows() if row.backend != "reference"]

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
    assert {case.op for case in LARGE} == CASES.keys()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("op", IN_TABLE)
def test_bits_do_not_depend_on_threads_or_run(op, row, dtype, threads, rng, seed):
    if not row.serves(op, dtype):
        pytest.skip(f"{op} in {dtype} is not there on {row}")
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    is_threaded = row.backend == "cpu"
    large = [case for case in LARGE if case.op == op] if is_threaded and dtype in ("float32", "bfloat16") else []
    for case in [*large, *CASES[op][::4]]:
        if dtype not in case.dtypes or not row.serves(op, dtype, case):
            continue
        trial = Trial(case, dtype, rng)
        seen = []
        for n in (1, 2, 3, 1) if is_threaded else (1, 2):
            threads(n)
            seen.append(bits(trial, row))
        assert all(other == seen[0] for other in seen[1:]), f"seed {seed}, {op} {case}"


def moved(case, arguments, shift):
    """The arguments with everything that has the batch dimension rolled by `shift`."""
    batch = case.inputs[0].shape[0]
    rolled = []
    for name, spec, a in zip(backends.OPS[case.op].inputs, case.inputs, arguments, strict=False):
        has_batch = (
            a is not None
            and name in ("input", "residual", "target", "query", "key", "value")
            and spec.shape[0] == batch
        )
        rolled.append(np.roll(a, shift, axis=0) if has_batch else a)
    return (*rolled, *arguments[len(rolled) :])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("case", [case for case in BATCHED if case.op in backends.OPS], ids=lambda c: f"{c.op} {c}")
def test_bits_do_not_depend_on_the_place_in_the_batch(case, row, dtype, rng, seed):
    if not row.serves(case.op, dtype, case):
        pytest.skip(f"{case.op} in {dtype} is not there on {row}")
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    arguments = tuple(case.draw(rng, dtype))
    wanted = tuple(name in ("input", "query") for name in backends.OPS[case.op].inputs)

    def outputs(shift):
        rolled = moved(case, arguments, shift)
        with row.chosen():
            call = backends.forward(case.op, rolled, True, backend=row.backend)
            dy = np.roll(grad_output, shift, axis=0)
            gradients = (dy, *[None] * (sum(backends.OPS[case.op].has_gradient) - 1))
            return call.outputs[0], backends.backward(call, gradients, wanted)[0]

    with row.chosen():
        shape = backends.forward(case.op, arguments, False, backend=row.backend).outputs[0].shape
    grad_output = rng.standard_normal(shape).astype(arguments[0].dtype)
    expected = outputs(0)
    for shift in range(1, case.inputs[0].shape[0]):
        for e, a in zip(expected, outputs(shift), strict=True):
            assert np.roll(e, shift, axis=0).tobytes() == a.tobytes(), f"seed {seed}: {case} rolled by {shift}"
