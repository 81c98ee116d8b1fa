"""Every bound is proved by mutants: results with a plausible defect, which it must refuse in every dtype.

Each mutant is tried on every case of its op.
"""

import numpy as np
import pytest

from fastnets import reference
from fastnets.backends import OPS
from fastnets.cases import CASES, FLOATS, numpy_dtype, tolerances
from fastnets.cases.trial import draw_gradients
from mutants import BACKWARD, FORWARD, SINGLE_AND_DOUBLE, as_tuple

LOSSES = ("cross_entropy", "nll_loss", "mse_loss", "binary_cross_entropy_with_logits")
CHANGED = 32  # fewer changed elements may, by chance, all be changed by less than a rounding of half precision


def in_float64(args):
    is_float = [isinstance(a, np.ndarray) and not np.issubdtype(a.dtype, np.integer) for a in args]
    return [a.astype(np.float64) if floats else a for a, floats in zip(args, is_float, strict=True)]


def judge(mutated, expected, bounds, dtypes, what, least=CHANGED):
    """Whether anything changed; fails if a changed output lies within its bound."""
    seen = False
    for i, (m, e, bound, dtype) in enumerate(zip(mutated, expected, bounds, dtypes, strict=False)):
        if e is None:
            continue
        changed = np.abs(m - e) > 1e-12 * np.abs(e)
        if np.count_nonzero(changed) < least:
            continue
        rounded = np.asarray(m) if dtype is None else np.asarray(m).astype(dtype)
        ratio = tolerances.error_over_bound(rounded, e, bound)
        assert (ratio > 1).any(), f"{what}, output {i}: within the bound, {ratio.max():.3g} of it at most"
        seen = True
    return seen


def output_dtypes(case, args):
    """Of the outputs, then of what is updated; those that are no results of arithmetic come last and are int64."""
    row = OPS[case.op]
    made = first_float(args) if case.result is None else numpy_dtype(case.result)
    updated = [getattr(a, "dtype", None) for a, is_updated in zip(args, row.updated, strict=False) if is_updated]
    if not any(row.has_gradient):  # results of arithmetic, in a dtype of their own
        return [None] * len(row.outputs) or updated
    outputs = [made if has_gradient else np.dtype(np.int64) for has_gradient in row.has_gradient]
    return [*outputs, *updated]


def first_float(args):
    return next(a.dtype for a in args if isinstance(a, np.ndarray) and not np.issubdtype(a.dtype, np.integer))


def draw(case, rng, dtype):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    return case.draw(rng, dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", CASES)
def test_zeros_and_shifted_outputs_are_refused(op, dtype, rng, seed):
    seen = 0
    for case in CASES[op]:
        if dtype not in case.dtypes:
            continue
        args = draw(case, rng, dtype)
        expected = as_tuple(getattr(reference, op)(*args))
        bounds = tolerances.bound(op, args, expected)
        for mutated in (
            [e if e is None else np.zeros(e.shape) for e in expected],
            [e if e is None else np.roll(e, 1) for e in expected],  # each element is its neighbour's
            [e if e is None else -e for e in expected],
        ):
            least = 1 if op == "norm" else CHANGED
            seen += judge(mutated, expected, bounds, [None] * len(expected), f"seed {seed}, {case}", least)
        if not any(OPS[op].has_gradient):
            continue
        grads = draw_gradients(case, args, expected, rng)
        expected = getattr(reference, op + "_backward")(*grads, *args)
        bounds = tolerances.bound_backward(op, grads, args, expected)
        for mutated in (
            [e if e is None else np.zeros(e.shape) for e in expected],
            [e if e is None else np.roll(e, 1) for e in expected],
        ):
            seen += judge(mutated, expected, bounds, [None] * len(expected), f"seed {seed}, gradients, {case}")
    assert seen


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op, mutate, dtypes", FORWARD)
def test_mutant_is_refused(op, mutate, dtypes, dtype, rng, seed):
    if dtype not in dtypes:
        pytest.skip("smaller than a rounding of this dtype")
    seen = False
    is_number = op == "norm" or (op in LOSSES and dtype in SINGLE_AND_DOUBLE)
    least = 1 if is_number else CHANGED
    for case in CASES[op]:
        if dtype not in case.dtypes:
            continue
        args = draw(case, rng, dtype)
        mutated = mutate(*in_float64(args))
        if mutated is None:
            continue
        expected = as_tuple(getattr(reference, op)(*args))
        bounds = tolerances.bound(op, args, expected)
        seen |= judge(as_tuple(mutated), expected, bounds, output_dtypes(case, args), f"seed {seed}, {case}", least)
    assert seen


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op, mutate, dtypes", BACKWARD)
def test_mutant_gradient_is_refused(op, mutate, dtypes, dtype, rng, seed):
    if dtype not in dtypes:
        pytest.skip("smaller than a rounding of this dtype")
    seen = False
    for case in CASES[op]:
        if dtype not in case.dtypes:
            continue
        args = draw(case, rng, dtype)
        grads = draw_gradients(case, args, as_tuple(getattr(reference, op)(*args)), rng)
        mutated = mutate(*in_float64([*grads, *args]))
        if mutated is None:
            continue
        expected = getattr(reference, op + "_backward")(*grads, *args)
        bounds = tolerances.bound_backward(op, grads, args, expected)
        seen |= judge(mutated, expected, bounds, [first_float(args)] * len(expected), f"seed {seed}, {case}")
    assert seen
