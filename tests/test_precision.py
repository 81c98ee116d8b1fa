"""Float32 products on the tensor cores, emulated: how far they may err, and what infinities and NaN become."""

import numpy as np
import pytest

import fastnets
import fastnets.functional as F
from fastnets import backends, reference
from fastnets.cases.attention import EVERY_OPTION
from fastnets.cases.tolerances.attention import attention, attention_backward
from fastnets.cases.trial import Row, Trial
from fastnets.reference.attention import heads

# What a product of two numbers may err by, relative to itself: 11 bits are kept, rounded to nearest, of each factor; or
# 22 of each, without the product of the lower halves. Each addition and the last rounding err by 2⁻²⁴ of all terms.
UNIT = 2.0**-24
PRODUCT = {"ieee": 0.0, "tf32x3": 3 * 2.0**-22, "tf32": 2 * 2.0**-11 + 2.0**-22}


@pytest.fixture(params=PRODUCT)
def precision(request):
    try:
        backends.module("cuda-emulated")
    except RuntimeError as missing:
        pytest.skip(str(missing))
    fastnets.set_float32_precision(request.param)
    yield request.param
    fastnets.set_float32_precision("ieee")


def errors(actual, expected, magnitude, terms, precision):
    """The largest error in units of what the precision allows, and of what ieee would."""
    worst = []
    for product in (PRODUCT[precision], 0.0):
        bound = magnitude * (product + (terms + 2) * UNIT) * (1 + 2.0**-10)
        worst.append(float((np.abs(actual - expected) / bound).max()))
    return worst


@pytest.mark.parametrize("sizes", [(70, 40, 130), (3, 5, 17), (129, 65, 64)], ids=str)
def test_linear(precision, rng, sizes):
    m, n, k = sizes
    x, weight = rng.standard_normal((m, k), np.float32), rng.standard_normal((n, k), np.float32)
    dy = rng.standard_normal((m, n), np.float32)
    with fastnets.use_backend("cuda-emulated"):
        y, backward = fastnets.vjp(F.linear, x, weight)
        dx, dweight = backward(dy)
    for actual, a, b in ((y, x, weight.T), (dx, dy, weight), (dweight, dy.T, x)):
        a, b = a.astype(np.float64), b.astype(np.float64)
        allowed, of_ieee = errors(actual, a @ b, np.abs(a) @ np.abs(b), a.shape[1], precision)
        assert allowed <= 1
        assert precision != "tf32" or of_ieee > 1


def test_conv2d(precision, rng):
    x, weight = rng.standard_normal((2, 6, 9, 7), np.float32), rng.standard_normal((10, 3, 3, 3), np.float32)
    options = {"stride": 2, "padding": 1, "groups": 2}
    with fastnets.use_backend("cuda-emulated"):
        y, backward = fastnets.vjp(F.conv2d, x, weight, **options)
        dy = rng.standard_normal(y.shape).astype(np.float32)
        made = (y, *backward(dy))
    results = []
    for values in ((x, weight, dy), tuple(map(np.abs, (x, weight, dy)))):
        a, b, g = (v.astype(np.float64) for v in values)
        expected, pull = fastnets.vjp(F.conv2d, a, b, **options)
        results.append((expected, *pull(g)))
    for actual, expected, magnitude in zip(made, *results, strict=True):
        allowed, of_ieee = errors(actual, expected, magnitude + 1e-30, 2 * 5 * 4 * 3, precision)
        assert allowed <= 1
        assert precision != "tf32" or of_ieee > 1


ON_TENSOR_CORES = pytest.mark.parametrize("precision", ["tf32x3", "tf32"], indirect=True)


def tried(case, rng, precision):
    """A case of attention, with the bounds of a precision."""
    trial = Trial(case, "float32", rng)
    trial.bounds = attention(trial.arguments, trial.expected, PRODUCT[precision])
    trial.gradient_bounds = attention_backward(
        trial.grad_outputs, trial.arguments, trial.expected_gradients, PRODUCT[precision]
    )
    return trial


@ON_TENSOR_CORES
@pytest.mark.parametrize("case", EVERY_OPTION, ids=str)
def test_attention(case, precision, rng, seed):
    row, trial = Row("cuda-emulated"), tried(case, rng, precision)
    call = trial.forward(row)
    results = trial.outputs(call) + trial.gradients(trial.backward(row, call))
    broken = [str(result) for result in results if result.worst() > 1]
    assert not broken, f"seed {seed}, {broken}"


def taken(x):
    """The 11 significant bits that a tensor core takes of a number."""
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(mantissa * 2.0**11), exponent - 11)


# Of the output, lse, and the gradients of query, key and value: which depend on an operand of attention.
DEPENDENT = {
    "query": (True, True, True, True, True),
    "key": (True, True, True, True, True),
    "value": (True, False, True, True, False),
    "output gradient": (False, False, True, True, True),
}


@pytest.mark.parametrize("operand", DEPENDENT)
def test_attention_without_the_rest_of_an_operand(operand, rng):
    """The bounds of tf32x3 refuse what its third product would leave out."""
    trial = tried(EVERY_OPTION[0], rng, "tf32x3")
    operands = dict(zip(DEPENDENT, (*trial.arguments[:3], trial.grad_outputs[0]), strict=True))
    operands[operand] = taken(operands[operand])
    *inputs, dy = operands.values()
    arguments = (*inputs, *trial.arguments[3:])
    gradients = reference.attention_backward(dy, *trial.grad_outputs[1:], *arguments)
    made = (*reference.attention(*arguments), *gradients[:3])
    expected, bounds = (*trial.expected, *trial.expected_gradients[:3]), (*trial.bounds, *trial.gradient_bounds[:3])
    broken = tuple(bool((np.abs(m - e) > b).any()) for m, e, b in zip(made, expected, bounds, strict=True))
    assert broken == DEPENDENT[operand]


def test_attention_without_the_rest_of_its_probabilities(rng):
    trial = tried(EVERY_OPTION[0], rng, "tf32x3")
    for place, _, _, head in heads(trial.arguments):
        assert (np.abs(taken(head.p) @ head.v - trial.expected[0][place]) > trial.bounds[0][place]).any()


def attention_and_gradients(query, key, value, dy):
    with fastnets.use_backend("cuda-emulated"):
        y, backward = fastnets.vjp(F.scaled_dot_product_attention, query, key, value, is_causal=True)
        return (y, *backward(dy))


def drawn(rng, *sizes):
    return [rng.standard_normal((2, *size), np.float32) for size in sizes]


@ON_TENSOR_CORES
def test_attention_is_deterministic_and_not_ieee(precision, rng):
    arrays = drawn(rng, (70, 20), (70, 20), (70, 12), (70, 12))
    first = attention_and_gradients(*arrays)
    again, moved = attention_and_gradients(*arrays), attention_and_gradients(*(a[::-1] for a in arrays))
    fastnets.set_float32_precision("ieee")
    ieee = attention_and_gradients(*arrays)
    for a, b, other, elsewhere in zip(first, again, ieee, moved, strict=True):
        assert a.tobytes() == b.tobytes() == elsewhere[::-1].tobytes()
        assert a.tobytes() != other.tobytes()


@ON_TENSOR_CORES
@pytest.mark.parametrize("place", range(4), ids=DEPENDENT)
def test_attention_of_infinities_and_nan(place, precision, rng):
    """They reach what they reach in ieee precision; an infinity may reach more as NaN, in "tf32x3"."""
    arrays = drawn(rng, (40, 20), (40, 20), (40, 12), (40, 12))
    for at, odd in (((0, 30, 5), np.inf), ((0, 33, 6), -np.inf), ((1, 25, 7), np.nan)):
        arrays[place][at] = odd
    made = attention_and_gradients(*arrays)
    fastnets.set_float32_precision("ieee")
    for a, expected in zip(made, attention_and_gradients(*arrays), strict=True):
        assert not np.isfinite(a[~np.isfinite(expected)]).any()
        reached = a[1:] if precision == "tf32x3" else a
        np.testing.assert_array_equal(np.isfinite(reached), np.isfinite(expected[-len(reached) :]))


def test_numbers_at_the_ends(precision):
    largest = np.float32(np.finfo(np.float32).max)
    x = np.array([[largest, 0], [1e-30, 0], [np.inf, 0], [np.nan, 0], [-np.inf, 1]], np.float32)
    weight = np.array([[1, 0]], np.float32)
    with fastnets.use_backend("cuda-emulated"):
        y = F.linear(x, weight)[:, 0]
    np.testing.assert_allclose(y[:2], x[:2, 0], rtol=PRODUCT[precision] + UNIT)
    assert np.isnan(y[3])
    if precision != "tf32x3":  # which may give NaN
        assert y[2] == np.inf and y[4] == -np.inf


def test_names():
    for wrong in ("high", "", None, 3):
        with pytest.raises(ValueError, match=r"set_float32_precision: precision.*ieee, tf32x3, tf32"):
            fastnets.set_float32_precision(wrong)
