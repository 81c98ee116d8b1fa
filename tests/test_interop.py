"""Arrays of every library: what comes in, what goes out, what is refused."""

import os
import subprocess
import sys

import numpy as np
import pytest

import fastnets
import fastnets.functional as F


def linear(x, weight):
    return x.astype(np.float64) @ weight.astype(np.float64).T


# --- NumPy ---


def test_numpy_strides(rng):
    weight = rng.standard_normal((5, 8))
    for x in (
        rng.standard_normal((8, 3)).T,
        rng.standard_normal((6, 8))[::-2],
        rng.standard_normal((3, 16))[:, ::-2],
        np.broadcast_to(rng.standard_normal(8), (3, 8)),
        np.broadcast_to(rng.standard_normal((3, 1)), (3, 8)),
        np.asfortranarray(rng.standard_normal((3, 8))),
        rng.standard_normal((2, 0, 8)),
        rng.standard_normal(8),
    ):
        np.testing.assert_allclose(F.linear(x, weight), linear(x, weight), atol=1e-12)
        y, backward = fastnets.vjp(F.linear, x, weight)
        dx, _ = backward(np.broadcast_to(np.float64(1), y.shape))
        np.testing.assert_allclose(dx, np.broadcast_to(weight.sum(0), x.shape), atol=1e-12)


def test_numpy_read_only(rng):
    x, weight = rng.standard_normal((3, 8)), rng.standard_normal((5, 8))
    expected = F.linear(x, weight)
    for array in (x, weight):
        array.flags.writeable = False
    y = F.linear(x, weight)
    assert y.flags.writeable and np.array_equal(y, expected)


def test_numpy_byte_order(rng):
    x, weight = rng.standard_normal((3, 8)), rng.standard_normal((5, 8))
    swapped = x.astype(x.dtype.newbyteorder())
    with pytest.raises(TypeError, match=r"linear: input has dtype [<>]f8, which is not served"):
        F.linear(swapped, weight)


def test_numpy_unaligned(rng):
    data = np.zeros(3 * 8 * 4 + 1, np.uint8)
    x = data[1:].view(np.float32).reshape(3, 8)
    packed = np.zeros(3, [("flag", "u1"), ("value", "f4")])["value"]
    for array in (x, packed):
        with pytest.raises(ValueError, match=r"relu: input .* pass a copy"):
            F.relu(array)


def test_numpy_subclass_and_scalars(rng):
    x = rng.standard_normal((3, 8))
    assert type(F.relu(x.view(np.matrix))) is np.ndarray
    assert F.relu(np.array(-1.0)).shape == ()
    for value in (1.0, [1.0], np.float64(1), None, "x"):
        with pytest.raises(TypeError, match="relu: input must be"):
            F.relu(value)


@pytest.mark.parametrize("dtype", ["complex64", "int8", "uint8", "float128", "U1", "O", "M8[s]"])
def test_numpy_dtypes_that_are_not_served(dtype):
    with pytest.raises(TypeError, match="relu: input has dtype"):
        F.relu(np.zeros(3, dtype))


def test_numpy_too_many_dimensions():
    with pytest.raises(ValueError, match="9 dimensions"):
        F.relu(np.zeros((1,) * 9))


def test_numpy_bfloat16(rng):
    bfloat16 = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed (extra: test)").bfloat16
    x, weight = rng.standard_normal((3, 8)).astype(bfloat16), rng.standard_normal((5, 8)).astype(bfloat16)
    y, backward = fastnets.vjp(F.linear, x, weight)
    assert y.dtype == bfloat16
    np.testing.assert_allclose(y.astype(float), linear(x, weight), rtol=2**-7, atol=2**-6)
    assert backward(np.ones_like(y))[0].dtype == bfloat16


def test_environment_chooses_the_backend():
    code = (
        "import numpy as np, fastnets.functional as F\n"
        "x = np.full((1, 3), 2.0 ** -60, np.float32); x[0, 0] = 1\n"
        "from fastnets import backends\n"
        "print(backends.select('numpy', x))\n"
        "seen = []; compute = backends.compute\n"
        "backends.compute = lambda *a: seen.append(a[3]) or compute(*a)\n"
        "F.linear(x, x); print(seen)"
    )
    environment = {**os.environ, "FASTNETS_BACKEND": "reference"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[:2] == ["reference", "['reference']"]


# --- torch beside NumPy; tests/test_torch.py has the rest ---


def test_torch_bfloat16_through_numpy(rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed (extra: test)")
    x = torch.from_numpy(rng.standard_normal((3, 8))).to(torch.bfloat16)
    with fastnets.use_backend("reference"):
        y = F.relu(x)
    assert y.dtype == torch.bfloat16 and torch.equal(y, torch.relu(x))


def test_mixed_libraries(rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    x, weight = np.ones((3, 8)), torch.ones(5, 8)
    for given in ((x, weight), (weight, x)):
        with pytest.raises(TypeError, match="one library"):
            F.linear(*given)
    with pytest.raises(TypeError):
        fastnets.vjp(F.linear, x, np.ones((5, 8)))[1](torch.ones(3, 5))


# --- JAX ---


@pytest.fixture
def jax():
    return pytest.importorskip("jax", reason="JAX is not installed")


@pytest.fixture
def draw(rng, jax):
    return lambda *shape, dtype="float32": jax.numpy.asarray(rng.standard_normal(shape), dtype)


def test_jax_round_trip(jax, draw):
    x, weight = draw(3, 8), draw(5, 8)
    y, backward = fastnets.vjp(F.linear, x, weight)
    assert isinstance(y, jax.Array) and y.dtype == "float32"
    np.testing.assert_allclose(y, linear(np.asarray(x), np.asarray(weight)), rtol=1e-5, atol=1e-5)
    dx, dweight = backward(jax.numpy.ones_like(y))
    assert isinstance(dx, jax.Array) and isinstance(dweight, jax.Array)
    half = F.relu(x.astype("bfloat16"))
    assert isinstance(half, jax.Array) and half.dtype == "bfloat16"
    assert np.array_equal(np.asarray(half), np.asarray(jax.nn.relu(x.astype("bfloat16"))))


def test_jax_mixed_with_numpy(jax, draw):
    with pytest.raises(TypeError, match="linear: input is a JAX array but weight is a NumPy array"):
        F.linear(draw(3, 8), np.ones((5, 8), np.float32))


@pytest.mark.parametrize("activation", [None, "gelu"])
def test_jax_gradients(activation, jax, draw):
    x, weight, bias = draw(3, 8), draw(5, 8), draw(5)

    def ours(x, weight, bias):
        return (F.linear(x, weight, bias, activation=activation) ** 2).sum()

    def theirs(x, weight, bias):
        y = x @ weight.T + bias
        return ((jax.nn.gelu(y, approximate=False) if activation else y) ** 2).sum()

    for transform in (
        lambda f: jax.grad(f, (0, 1, 2)),
        lambda f: jax.jit(jax.grad(f, (0, 1, 2))),
        jax.jit,
        lambda f: jax.vmap(jax.grad(f), (0, None, None)),
    ):
        for made, expected in zip(
            jax.tree.leaves(transform(ours)(x, weight, bias)),
            jax.tree.leaves(transform(theirs)(x, weight, bias)),
            strict=True,
        ):
            np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-4)


def test_jax_gradients_of_other_ops(jax, draw):
    x, labels = draw(2, 3, 8, 6), jax.numpy.array([[[1]], [[2]]])

    def function(x):
        pooled, indices = F.max_pool2d(x, (8, 6), return_indices=True)
        return F.cross_entropy(pooled, labels) + 0 * indices.sum()

    gradient = jax.jit(jax.grad(function))(x)
    pooled = x.max((2, 3), keepdims=True)
    expected = jax.grad(lambda p: -jax.nn.log_softmax(p, 1)[np.arange(2), [1, 2]].mean())(pooled)
    np.testing.assert_allclose(gradient, np.where(x == pooled, expected, 0), atol=1e-6)


def test_jax_refuses_what_it_cannot_record(jax, draw):
    x, weight = draw(3, 8), draw(5, 8)
    with pytest.raises(TypeError, match="vjp on values that JAX traces"):
        jax.jit(lambda x: fastnets.vjp(F.linear, x, weight)[0])(x)
    with pytest.raises(TypeError, match="dropout: seed is traced by JAX"):
        jax.jit(lambda x, seed: F.dropout(x, seed=seed))(x, 3)
    with pytest.raises(TypeError):
        jax.jvp(lambda x: F.linear(x, weight), (x,), (x,))
