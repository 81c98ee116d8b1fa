"""Float32 products on the tensor cores, emulated: how far they may err, and what infinities and NaN become."""

import numpy as np
import pytest

import fastnets
import fastnets.functional as F
from fastnets import backends

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
