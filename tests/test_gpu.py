"""The ops on a GPU, through torch's tensors, against the float64 reference with the bounds of every other backend."""

import numpy as np
import pytest

import fastnets.functional as F
from fastnets import arrays, backends
from fastnets.cases import CASES
from fastnets.cases.case import Array, Case
from fastnets.cases.trial import Result, Trial

torch = pytest.importorskip("torch", reason="arrays on a GPU come from torch here")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]
DTYPES = ("float32", "bfloat16", "float16")
LARGE = [  # the tiles of large products, sums of several chains; on a Hopper also pairs of blocks
    Case("linear", (Array((2562, 1096)), Array((1544, 1096), scale=0.03), Array((1544,)), None), ("relu",)),
]
ALL = [
    pytest.param(case.op, case, dtype, id=f"{case.op} {case} {dtype}")
    for case in [*(case for cases in CASES.values() for case in cases), *LARGE]
    for dtype in case.dtypes
    if dtype in DTYPES
]


def on_gpu(value):
    """A torch tensor on the GPU with the values of a NumPy array, and its strides where torch has such ones."""
    return arrays.from_numpy(value, torch.empty(0)).cuda() if isinstance(value, np.ndarray) else value


def on_host(value):
    return None if value is None else arrays.to_numpy(value)


@pytest.mark.parametrize("op, case, dtype", ALL)
def test_op(op, case, dtype, rng, seed):
    trial = Trial(case, dtype, rng)
    arguments = tuple(map(on_gpu, trial.arguments))
    call = backends.forward(op, arguments, save=True)
    assert call.backend == "cuda"
    where = f"{op} {case} in {dtype}, seed {seed}"
    rows = zip(trial.op.outputs, call.outputs, trial.expected, trial.bounds, strict=False)
    for name, actual, expected, bound in rows:
        result = Result(name, on_host(actual), expected, bound)
        assert result.worst() <= 1, f"{where}: {result}"
    wanted = tuple(e is not None for e in trial.expected_gradients)
    made = backends.backward(call, tuple(None if dy is None else on_gpu(dy) for dy in trial.grad_outputs), wanted)
    for result in trial.gradients(tuple(map(on_host, made))):
        assert result.worst() <= 1, f"{where}: {result}"


def test_work_is_queued_on_the_callers_stream():
    """A product on a side stream sees what that stream has written before, without a synchronisation of ours."""
    x, weight = torch.zeros(512, 512, device="cuda"), torch.eye(512, device="cuda")
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        torch.cuda._sleep(20_000_000)
        x.fill_(1.0)
        y = backends.forward("linear", (x, weight, None, None, None), save=False).outputs[0]
    stream.synchronize()
    assert bool((y == 1).all())


def test_lengths_that_make_no_sense_give_nan():
    """Only the device sees them: nothing out of bounds is touched, and what depends on them is nan."""
    x, w = torch.ones(3, 4, 2, device="cuda"), torch.ones(12, 2, device="cuda")
    weights = [(w, torch.ones(12, 3, device="cuda"), None, None)]
    lengths = torch.tensor([2, 4, -1, 3], device="cuda")
    output, (h_n, c_n) = F.lstm(x, weights, lengths=lengths)
    for y in (output[:, [1, 2]], h_n[:, [1, 2]], c_n[:, [1, 2]]):
        assert bool(y.isnan().all())
    for y in (output[:, [0, 3]], h_n[:, [0, 3]], c_n[:, [0, 3]]):
        assert bool(y.isfinite().all())
