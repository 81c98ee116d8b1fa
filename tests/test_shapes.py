"""Shapes, layouts and geometries that hypothesis thinks of, against the float64 reference."""

import numpy as np
import pytest

from fastnets import backends
from fastnets.cases.case import Array, Case
from fastnets.cases.layouts import LAYOUTS
from fastnets.cases.trial import Trial, rows

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

ROWS = rows()
DTYPES = st.sampled_from(["float32", "float64", "float16"])
FUSED = st.sampled_from([None, "relu", "gelu", "silu", "tanh"])
MATRIX_LAYOUTS = st.sampled_from([layout for layout in LAYOUTS if layout != "channels_last"])
IMAGE_LAYOUTS = st.sampled_from(list(LAYOUTS))
FEW = settings(max_examples=120, deadline=None, derandomize=False)


def check(case, dtype, seed):
    trial = Trial(case, dtype, np.random.default_rng(seed))
    for row in (row for row in ROWS if row.serves(case.op, dtype, case)):
        call = trial.forward(row)
        for result in [*trial.outputs(call), *trial.gradients(trial.backward(row, call))]:
            assert result.worst() <= 1, f"{row}: {result}"


def layout_of(draw, layouts, shape):
    return draw(layouts) if 0 not in shape else "contiguous"


@st.composite
def linear_cases(draw):
    leading = tuple(draw(st.lists(st.integers(0, 6), max_size=3)))
    K, N = draw(st.integers(0, 70)), draw(st.integers(0, 70))
    if draw(st.booleans()):
        leading = (draw(st.integers(1, 80)),)
    shapes = (*leading, K), (N, K), (N,), (*leading, N)
    inputs = [Array(shape, layout_of(draw, MATRIX_LAYOUTS, shape)) for shape in shapes]
    for optional in (2, 3):
        if draw(st.booleans()):
            inputs[optional] = None
    return Case("linear", tuple(inputs), (draw(FUSED),))


@pytest.mark.skipif("linear" not in backends.OPS, reason="linear is not in the op table yet")
@FEW
@given(case=linear_cases(), dtype=DTYPES, seed=st.integers(0, 2**32))
def test_linear(case, dtype, seed):
    check(case, dtype, seed)


@st.composite
def conv_cases(draw):
    rank = draw(st.integers(1, 3))
    largest = {1: 40, 2: 12, 3: 6}[rank]

    def each(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    kernel, stride, dilation = each(1, 4), each(1, 3), each(1, 3)
    mode = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    padding, padding_end = each(0, 3), each(0, 3)
    size = []
    for r, d, a, b in zip(kernel, dilation, padding, padding_end, strict=True):
        least = max(d * (r - 1) + 1 - a - b, 1)  # room for one window
        if mode in ("reflect", "circular"):
            least = max(least, max(a, b) + 1)
        size.append(draw(st.integers(least, max(least, largest))))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    C, K = groups * draw(st.integers(1, 9)), groups * draw(st.integers(1, 9))
    dimensions = zip(size, padding, padding_end, dilation, kernel, stride, strict=True)
    output_size = [(h + a + b - d * (r - 1) - 1) // s + 1 for h, a, b, d, r, s in dimensions]
    batch = draw(st.sampled_from([(), (0,), (1,), (2,), (3,)]))
    layouts = IMAGE_LAYOUTS if batch else MATRIX_LAYOUTS
    shapes = (*batch, C, *size), (K, C // groups, *kernel), (K,), (*batch, K, *output_size)
    inputs = [Array(shape, layout_of(draw, layouts if len(shape) > 2 else MATRIX_LAYOUTS, shape)) for shape in shapes]
    for optional in (2, 3):
        if draw(st.booleans()):
            inputs[optional] = None
    return Case("conv", tuple(inputs), (stride, padding, padding_end, dilation, groups, mode, draw(FUSED)))


@pytest.mark.skipif("conv" not in backends.OPS, reason="conv is not in the op table yet")
@FEW
@given(case=conv_cases(), dtype=DTYPES, seed=st.integers(0, 2**32))
def test_conv(case, dtype, seed):
    check(case, dtype, seed)


@st.composite
def conv_transpose_cases(draw):
    rank = draw(st.integers(1, 3))
    largest = {1: 20, 2: 7, 3: 4}[rank]

    def each(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    kernel, stride, dilation = each(1, 4), each(1, 3), each(1, 3)
    added = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    size = each(1, largest)
    full = [
        (h - 1) * s + d * (r - 1) + 1 + e for h, s, d, r, e in zip(size, stride, dilation, kernel, added, strict=True)
    ]
    padding = tuple(draw(st.integers(0, min(3, (n - 1) // 2))) for n in full)
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    C, K = groups * draw(st.integers(1, 9)), draw(st.integers(1, 9))
    batch = draw(st.sampled_from([(), (0,), (1,), (2,), (3,)]))
    layouts = IMAGE_LAYOUTS if batch else MATRIX_LAYOUTS
    shapes = (*batch, C, *size), (C, K, *kernel), (K * groups,)
    inputs = [Array(shape, layout_of(draw, layouts if len(shape) > 2 else MATRIX_LAYOUTS, shape)) for shape in shapes]
    if draw(st.booleans()):
        inputs[2] = None
    return Case("conv_transpose", tuple(inputs), (stride, padding, added, groups, dilation, draw(FUSED)))


@pytest.mark.skipif("conv_transpose" not in backends.OPS, reason="conv_transpose is not in the op table yet")
@FEW
@given(case=conv_transpose_cases(), dtype=DTYPES, seed=st.integers(0, 2**32))
def test_conv_transpose(case, dtype, seed):
    check(case, dtype, seed)


@st.composite
def causal_conv_cases(draw):
    N, C, L = (draw(st.integers(low, high)) for low, high in ((0, 3), (1, 70), (0, 40)))
    K = draw(st.sampled_from([1, 2, 3, 4, 5, 9]))
    shapes = (N, C, L), (C, K), (C,), (N, C, K - 1)
    layouts = [layout_of(draw, IMAGE_LAYOUTS if len(shape) == 3 else MATRIX_LAYOUTS, shape) for shape in shapes]
    inputs = [Array(*pair) for pair in zip(shapes, layouts, strict=True)]
    for optional in (2, 3):
        if draw(st.booleans()):
            inputs[optional] = None
    return Case("causal_conv1d", tuple(inputs), (draw(FUSED), draw(st.booleans())))


@pytest.mark.skipif("causal_conv1d" not in backends.OPS, reason="causal_conv1d is not in the op table yet")
@FEW
@given(case=causal_conv_cases(), dtype=DTYPES, seed=st.integers(0, 2**32))
def test_causal_conv1d(case, dtype, seed):
    check(case, dtype, seed)


@st.composite
def pool_cases(draw):
    rank = draw(st.integers(1, 3))
    largest = {1: 70, 2: 12, 3: 6}[rank]

    def each(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    op = draw(st.sampled_from(["max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool"]))
    batch = draw(st.sampled_from([(), (0,), (1,), (2,), (3,)]))
    channels = draw(st.sampled_from([1, 3, 9, 70]))
    if op.startswith("adaptive"):
        size, parameters = each(1, largest), (each(1, largest),)
        parameters += (True,) if op == "adaptive_max_pool" else ()
    else:
        kernel, stride = each(1, 5), each(1, 6)
        padding = tuple(draw(st.integers(0, r // 2)) for r in kernel)
        size = tuple(draw(st.integers(max(r - 2 * p, 1), largest)) for r, p in zip(kernel, padding, strict=True))
        ceil_mode, flag = draw(st.booleans()), draw(st.booleans())
        if op == "max_pool":
            parameters = (kernel, stride, padding, (1,) * rank, ceil_mode, flag)
        else:
            parameters = (kernel, stride, padding, ceil_mode, flag, draw(st.sampled_from([0, 0, 3])))
    shape = (*batch, channels, *size)
    layout = layout_of(draw, IMAGE_LAYOUTS if batch else MATRIX_LAYOUTS, shape)
    return Case(op, (Array(shape, layout),), parameters)


@FEW
@given(case=pool_cases(), dtype=DTYPES, seed=st.integers(0, 2**32))
def test_pool(case, dtype, seed):
    check(case, dtype, seed)
