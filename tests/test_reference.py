"""The float64 references: backward against finite differences, Philox against its authors, the examples as written."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

from fastnets import reference
from fastnets.backends import OPS
from small_cases import CASES

CASE_IDS = [f"{op}-{i}" for i, (op, _, _) in enumerate(CASES)]


def draw(rng, case):
    """The case's arguments, redrawn until nothing that is cut at 0 is so close to 0 that a step crosses it."""
    op, specs, parameters = case
    while True:
        inputs = [None if spec is None else np.asarray(spec(rng)) for spec in specs]
        z = inputs[0]
        if op in ("linear", "conv", "conv_transpose"):
            z = getattr(reference, op)(*inputs, *parameters[:-1], None)
        if op == "causal_conv1d":
            z = reference.causal_conv1d(*inputs, None, False)
        if not {"relu", "leaky_relu", "elu"} & set(parameters) or not z.size or np.abs(z).min() > 2e-3:
            return inputs, parameters


def call(op, inputs, parameters):
    """The outputs that have a gradient."""
    made = getattr(reference, op)(*inputs, *parameters)
    made = made if isinstance(made, tuple) else (made,)
    return [y for y, has_gradient in zip(made, OPS[op].has_gradient, strict=False) if has_gradient and y is not None]


def dy_of_all(op, dy, inputs, parameters):
    """The gradients in the places of their outputs: None for one that is not there."""
    made = getattr(reference, op)(*inputs, *parameters)
    made = [*(made if isinstance(made, tuple) else (made,)), *[None] * len(OPS[op].outputs)]
    given = iter(dy)
    present = zip(made, OPS[op].has_gradient, strict=False)
    return [None if y is None else next(given) for y, has_gradient in present if has_gradient]


def is_differentiable(op, place, x):
    return OPS[op].differentiable[place] and x is not None and np.issubdtype(x.dtype, np.floating)


def weighted_sum(weights, values):
    return sum((w * v).sum() for w, v in zip(weights, values, strict=True))


def central_difference(f, x, i, h):
    ahead, behind = x.copy(), x.copy()
    ahead[i] += h
    behind[i] -= h
    return (f(ahead) - f(behind)) / (2 * h)


@pytest.mark.parametrize("case", CASES, ids=CASE_IDS)
def test_backward_is_the_finite_difference(case, rng, seed):
    op = case[0]
    inputs, parameters = draw(rng, case)
    y = call(op, inputs, parameters)
    dy = [rng.standard_normal(each.shape) for each in y]
    total = 1 + weighted_sum(map(np.abs, dy), map(np.abs, y))
    gradients = getattr(reference, op + "_backward")(*dy_of_all(op, dy, inputs, parameters), *inputs, *parameters)
    assert len(gradients) == len(inputs)
    for place, (x, dx) in enumerate(zip(inputs, gradients, strict=True)):
        if not is_differentiable(op, place, x):
            assert dx is None
            continue

        def loss(moved):
            return weighted_sum(dy, call(op, [*inputs[:place], moved, *inputs[place + 1 :]], parameters))  # noqa: B023

        h = 1e-4
        expected, bound = np.zeros(x.shape), np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            coarse, fine = central_difference(loss, x, i, h), central_difference(loss, x, i, h / 2)
            expected[i] = (4 * fine - coarse) / 3  # Richardson: the h² terms cancel
            # their difference is ¾ of the h² term, more than what is left; sums of some 30 terms round by 100 eps
            bound[i] = abs(fine - coarse) + 100 * np.finfo(np.float64).eps * total / h
        assert dx.shape == x.shape and dx.dtype == np.float64
        assert (np.abs(dx - expected) <= bound).all(), f"seed {seed}, input {place}:\n{dx}\nexpected\n{expected}"


MODULES = sorted(module.name for module in pkgutil.iter_modules(reference.__path__))


@pytest.mark.parametrize("module", MODULES)
def test_docstring_examples(module):
    result = doctest.testmod(importlib.import_module(f"fastnets.reference.{module}"))
    assert result.attempted and not result.failed


# Known answers of Random123 1.14, kat_vectors, philox4x32 with 10 rounds: counter, key, result
PHILOX_KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


@pytest.mark.parametrize("counter, key, result", PHILOX_KNOWN_ANSWERS, ids=["zeros", "ones", "pi"])
def test_philox_known_answers(counter, key, result):
    counter, key, result = ([int(word, 16) for word in words.split()] for words in (counter, key, result))
    assert reference.philox_4x32(counter, key).tolist() == result
    # the same among others, in an array of counters
    many = np.zeros((2, 3, 4), np.uint64)
    many[1, 2] = counter
    assert reference.philox_4x32(many, key)[1, 2].tolist() == result


def test_uniform_is_philox_of_index_use_and_seed():
    seed, use = 0x0123456789ABCDEF, 0x1122334455667788
    u = reference.uniform(seed, 11, use)
    for i in range(11):
        words = reference.philox_4x32([i // 4, 0, 0x55667788, 0x11223344], [0x89ABCDEF, 0x01234567])
        assert u[i] == (int(words[i % 4]) >> 8) * 2.0**-24 == np.float32(u[i])
    assert (reference.uniform(-1, 4, 0) == reference.uniform(2**64 - 1, 4, 0)).all()
    assert reference.uniform(seed, 0, 0).shape == (0,)


def test_dropout_keeps_the_share_it_says(rng, seed):
    n, p = 100_000, 0.3
    kept = np.count_nonzero(reference.dropout(np.ones(n), p, int(rng.integers(2**63))))
    assert abs(kept - n * (1 - p)) < 6 * np.sqrt(n * p * (1 - p)), f"seed {seed}"  # one run in 10⁹ fails


def test_dropout_goes_by_logical_index(rng):
    x = rng.standard_normal((5, 6))
    y = reference.dropout(x, 0.5, 3)
    assert (reference.dropout(np.asfortranarray(x), 0.5, 3) == y).all()
    assert (reference.dropout(x[::-1], 0.5, 3)[::-1] != y).any()


def test_adam_first_step_is_the_sign_of_the_gradient(rng):
    # with zero moments and eps = 0, m / √v of the corrected moments is g / |g|
    theta, g, zero = rng.standard_normal(9), rng.standard_normal(9), np.zeros(9)
    moved, m, v, master = reference.adam(theta, g, zero, zero, None, 1, 0.1, 0.9, 0.99, 0.0, 0.5, True, False)
    np.testing.assert_allclose(moved, theta * 0.95 - 0.1 * np.sign(g), rtol=1e-13)
    np.testing.assert_allclose(m, 0.1 * g, rtol=1e-13)
    np.testing.assert_allclose(v, 0.01 * g * g, rtol=1e-13)
    assert master is None


def test_adam_steps_the_master(rng):
    theta, g, m, v, master = (rng.standard_normal((2, 3)) ** 2 for _ in range(5))
    hyper = 7, 0.1, 0.9, 0.99, 1e-8, 0.5, True, False
    stepped = reference.adam(theta, g, m, v, master, *hyper)
    expected = reference.adam(master, g, m, v, None, *hyper)
    for a, b in zip(stepped, (*expected[:3], expected[0]), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_every_dtype_and_layout_is_converted_first(dtype, rng):
    dtype = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    x, w = rng.standard_normal((4, 6)).astype(dtype), rng.standard_normal((3, 6)).astype(dtype)
    y = reference.linear(x, w, None, None, "gelu")
    assert y.dtype == np.float64
    assert (reference.linear(x.astype(np.float64), np.asfortranarray(w), None, None, "gelu") == y).all()
    assert (reference.linear(x[:, ::-1], w[:, ::-1], None, None, None).shape) == y.shape
