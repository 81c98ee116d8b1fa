"""Every bound is proved by mutants: results with a plausible defect, which it must refuse in every dtype.

Each mutant is tried on every case of its op.
"""

import numpy as np
import pytest

from fastnets import reference
from fastnets.cases import CASES, FLOATS, tolerances
from mutants import BACKWARD, FORWARD, SINGLE_AND_DOUBLE, as_tuple

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


def output_dtypes(op, args):
    if op == "adamw":
        return [getattr(a, "dtype", None) for a in (args[0], *args[2:5])]
    return [args[0].dtype, np.dtype(np.int64)]


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
            seen += judge(mutated, expected, bounds, [None] * len(expected), f"seed {seed}, {case}")
        if op == "adamw":
            continue
        dy = rng.standard_normal(expected[0].shape).astype(args[0].dtype)
        expected = getattr(reference, op + "_backward")(dy, *args)
        bounds = tolerances.bound_backward(op, (dy,), args, expected)
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
    least = 1 if op == "cross_entropy" and dtype in SINGLE_AND_DOUBLE else CHANGED  # a loss is one number
    for case in CASES[op]:
        if dtype not in case.dtypes:
            continue
        args = draw(case, rng, dtype)
        mutated = mutate(*in_float64(args))
        if mutated is None:
            continue
        expected = as_tuple(getattr(reference, op)(*args))
        bounds = tolerances.bound(op, args, expected)
        seen |= judge(as_tuple(mutated), expected, bounds, output_dtypes(op, args), f"seed {seed}, {case}", least)
    assert seen


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op, mutate, dtypes", BACKWARD)
def test_mutant_gradient_is_refused(op, mutate, dtypes, dtype, rng, seed):
    if dtype not in dtypes:
        pytest.skip("smaller than a rounding of this dtype")
    seen = False
    for case in CASES[op]:
        args = draw(case, rng, dtype)
        dy = rng.standard_normal(np.shape(as_tuple(getattr(reference, op)(*args))[0])).astype(args[0].dtype)
        mutated = mutate(*in_float64([dy, *args]))
        if mutated is None:
            continue
        expected = getattr(reference, op + "_backward")(dy, *args)
        bounds = tolerances.bound_backward(op, (dy,), args, expected)
        seen |= judge(mutated, expected, bounds, [args[0].dtype] * len(expected), f"seed {seed}, {case}")
    assert seen
