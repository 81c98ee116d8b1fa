"""Positions beyond the kernel: waves, slopes, the layers, NumPy positions beside other libraries."""

import numpy as np
import pytest

import fastnets as fn
import fastnets.functional as F
from fastnets import nn


def test_sinusoidal_positions_are_the_papers():
    table = F.sinusoidal_positions(7, 5)
    assert table.shape == (7, 5) and table.dtype == np.float32
    for t in range(7):
        for i in range(5):
            angle = t / 10000 ** (2 * (i // 2) / 5)
            assert table[t, i] == np.float32(np.sin(angle) if i % 2 == 0 else np.cos(angle))
    assert F.sinusoidal_positions(0, 4).shape == (0, 4) and F.sinusoidal_positions(3, 0).shape == (3, 0)


def test_alibi_slopes_are_the_papers():
    assert F.alibi_slopes(8).tolist() == [2.0**-h for h in range(1, 9)]
    assert F.alibi_slopes(0).tolist() == [] and F.alibi_slopes(1).tolist() == [2.0**-8]
    # 12 heads: those of 8, then every second one of 16
    expected = [2.0**-h for h in range(1, 9)] + [2.0**-0.5, 2.0**-1.5, 2.0**-2.5, 2.0**-3.5]
    np.testing.assert_array_equal(F.alibi_slopes(12), np.float32(expected))
    q = np.zeros((1, 12, 3, 4), np.float32)
    assert F.scaled_dot_product_attention(q, q, q, alibi_slopes=F.alibi_slopes(12)).shape == q.shape


@pytest.mark.parametrize(
    "call, exception, message",
    [
        (lambda: F.sinusoidal_positions(-1, 2), ValueError, "sinusoidal_positions: length is -1"),
        (lambda: F.sinusoidal_positions(1, 2.5), TypeError, "sinusoidal_positions: dim is 2.5"),
        (lambda: F.alibi_slopes(-2), ValueError, "alibi_slopes: heads is -2"),
        (lambda: nn.RotaryEmbedding(3), ValueError, "RotaryEmbedding: rotary_dim is 3"),
        (lambda: nn.RotaryEmbedding(base=0.0), ValueError, "RotaryEmbedding: base is 0.0"),
        (lambda: nn.SinusoidalPositionalEncoding(0), ValueError, "d_model is 0"),
        (
            lambda: nn.SinusoidalPositionalEncoding(4, 3)(np.zeros((2, 4, 4), np.float32)),
            ValueError,
            "4 positions from 0",
        ),
        (
            lambda: nn.SinusoidalPositionalEncoding(4, 3)(np.zeros((2, 4), np.float32), 2),
            ValueError,
            "positions from 2",
        ),
        (lambda: nn.SinusoidalPositionalEncoding(4)(np.zeros((2, 3), np.float32)), ValueError, r"shape \(2, 3\)"),
    ],
)
def test_wrong_calls(call, exception, message):
    with pytest.raises(exception, match=message):
        call()


def test_products_depend_on_the_distance_alone(rng):
    """In float64; rotations by up to 1000 · eps of an angle off, products of 16 terms."""
    q, k = rng.standard_normal((2, 1, 16))
    for options in ({}, {"interleaved": True}, {"rotary_dim": 6, "base": 100.0}):
        near, far = (
            F.rotary_embedding(q, np.array([5 + shift]), **options)
            @ F.rotary_embedding(k, np.array([shift]), **options).T
            for shift in (0, 1000)
        )
        other = F.rotary_embedding(q, np.array([6]), **options) @ F.rotary_embedding(k, np.array([0]), **options).T
        np.testing.assert_allclose(near, far, rtol=0, atol=1e-11)
        assert np.abs(near - other).max() > 1e-4


def test_rotary_layer_is_the_function(rng):
    x, positions = rng.standard_normal((2, 3, 5, 8)), rng.integers(0, 99, (2, 1, 5))
    layer = nn.RotaryEmbedding(4, 500.0, True)
    options = {"rotary_dim": 4, "base": 500.0, "interleaved": True}
    np.testing.assert_array_equal(layer(x), F.rotary_embedding(x, np.arange(5), **options))
    y, backward = layer.vjp(x, positions)
    expected, expected_backward = fn.vjp(F.rotary_embedding, x, positions, **options)
    np.testing.assert_array_equal(y, expected)
    (dx, dpositions), grads = backward(y)
    assert dpositions is None and grads == {}
    np.testing.assert_array_equal(dx, expected_backward(y)[0])
    with pytest.raises(ValueError, match=r"rotary_embedding: input must be \(…, length, dim\), got \(8,\)"):
        layer(x[0, 0, 0])


@pytest.mark.parametrize("batch_first", [True, False])
def test_sinusoidal_layer_adds_the_table(batch_first, rng):
    layer = nn.SinusoidalPositionalEncoding(6, 9, batch_first=batch_first)
    assert layer.state_dict() == {}
    x = rng.standard_normal((2, 4, 6) if batch_first else (4, 2, 6)).astype(np.float32)
    waves = F.sinusoidal_positions(9, 6)[3:7]
    y, backward = layer.vjp(x, offset=3)
    np.testing.assert_array_equal(y, x + (waves if batch_first else waves[:, None]))
    np.testing.assert_array_equal(layer.eval()(x, offset=3), y)
    dx, grads = backward(y)
    np.testing.assert_array_equal(dx, y)
    assert grads == {}
    assert layer(x[0] if batch_first else x[:, 0]).shape == (4, 6)
    assert layer.to("float16")(x.astype(np.float16)).dtype == np.float16


def test_sinusoidal_layer_drops_in_training_only(rng):
    layer = nn.SinusoidalPositionalEncoding(16, 64, dropout=0.5)
    x = np.ones((64, 16), np.float32)
    assert (layer(x) == 0).any() and not (layer.eval()(x) == 0).all()
    np.testing.assert_array_equal(layer(x), x + F.sinusoidal_positions(64, 16))


def test_positions_may_be_numpy_beside_torch(rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    x, positions = rng.standard_normal((3, 5, 8)), np.arange(5)
    expected, backward = fn.vjp(F.rotary_embedding, x, positions)
    t = torch.tensor(x, requires_grad=True)
    y = F.rotary_embedding(t, positions)
    np.testing.assert_array_equal(y.detach().numpy(), expected)
    y.backward(torch.from_numpy(x))
    np.testing.assert_array_equal(t.grad.numpy(), backward(x)[0])
    np.testing.assert_array_equal(nn.RotaryEmbedding()(t).detach().numpy(), expected)
    layer = nn.SinusoidalPositionalEncoding(8).to("float64")
    np.testing.assert_array_equal(layer(t).detach().numpy(), layer(x))
