"""Attention's layers without a peer: gradients, packed sequences, errors, and layers written forward only."""

import numpy as np
import pytest

import fastnets as fn
import fastnets.functional as F
from fastnets import backends, nn, parts
from fastnets.nn.composite import Composite
from small_transformers import E, H, close, decoder, gpt, randomised


@pytest.fixture(autouse=True)
def _seeded(seed):
    fn.random.seed(seed[0] + seed[1])


# ---- gradients -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "build, inputs, keywords",
    [
        (lambda: nn.MultiheadAttention(4, 2, 0.3), 3, {"need_weights": False}),
        (lambda: nn.MultiheadAttention(4, 2, 0.3, add_bias_kv=True, add_zero_attn=True), 3, {"is_causal": True}),
        (lambda: nn.TransformerEncoderLayer(4, 2, 6, 0.3, "gelu"), 1, {"is_causal": True}),
        (lambda: nn.TransformerEncoderLayer(4, 2, 6, 0.3, nn.Tanh(), norm_first=True), 1, {}),
        (lambda: nn.TransformerDecoderLayer(4, 2, 6, 0.3, F.silu), 2, {"tgt_is_causal": True}),
        (lambda: nn.MultiheadAttention(4, 2), 3, {"cu_seqlens": np.array([0, 1, 4]), "is_causal": True}),
        (lambda: nn.TransformerEncoderLayer(4, 2, 6), 1, {"cu_seqlens": np.array([0, 1, 4])}),
    ],
)
def test_gradients_with_dropout_are_the_finite_differences(build, inputs, keywords, rng):
    """Along a random direction of all inputs and parameters at once; a seed repeats the dropout."""
    layer = randomised(build(), rng)
    shape = (4, 4) if "cu_seqlens" in keywords else (3, 2, 4)
    xs = [rng.standard_normal(shape) for _ in range(inputs)]
    fn.random.seed(1)
    y, backward = layer.vjp(*xs, **keywords)
    y = y if isinstance(y, tuple) else (y,)
    dys = [None if each is None else rng.standard_normal(each.shape) for each in y]
    dinputs, grads = backward(tuple(dys) if len(dys) > 1 else dys[0])
    parameters = dict(layer.named_parameters())
    assert list(grads) == list(parameters)
    ways = {name: rng.standard_normal(array.shape) for name, array in parameters.items()}
    ways_of_inputs = [rng.standard_normal(shape) for _ in xs]
    dinputs = dinputs if inputs > 1 else (dinputs,)
    slope = sum((g * way).sum() for g, way in zip(dinputs, ways_of_inputs, strict=True))
    slope += sum((grads[name] * way).sum() for name, way in ways.items())

    def loss(step):
        moved = [x + step * way for x, way in zip(xs, ways_of_inputs, strict=True)]
        layer.load_state_dict({name: array + step * ways[name] for name, array in kept.items()})
        fn.random.seed(1)
        found = layer(*moved, **keywords)
        found = found if isinstance(found, tuple) else (found,)
        return sum((each * dy).sum() for each, dy in zip(found, dys, strict=True) if dy is not None)

    kept = {name: array.copy() for name, array in parameters.items()}
    h = 1e-4
    coarse, fine = ((loss(step) - loss(-step)) / (2 * step) for step in (h, h / 2))
    # Richardson: their difference is ¾ of the h² term, more than what is left; 1e-11 rounds sums of hundreds of terms
    bound = abs(fine - coarse) + 1e-11 / h * sum(np.abs(dy).sum() for dy in dys if dy is not None)
    assert abs(slope - (4 * fine - coarse) / 3) <= bound


def test_dropout_acts_in_training_only_and_repeats_after_a_seed(rng):
    layer = randomised(nn.TransformerDecoderLayer(E, H, 16, 0.5), rng)
    tgt, memory = rng.standard_normal((4, 2, E)), rng.standard_normal((5, 2, E))
    fn.random.seed(3)
    y = layer(tgt, memory)
    assert np.abs(layer(tgt, memory) - y).max() > 1e-3
    fn.random.seed(3)
    np.testing.assert_array_equal(layer(tgt, memory), y)
    calm = layer.eval()(tgt, memory)
    np.testing.assert_array_equal(layer(tgt, memory), calm)
    assert np.abs(y - calm).max() > 1e-3


def test_dropped_weights_are_those_that_attention_used(rng):
    layer = randomised(nn.MultiheadAttention(4, 1, 0.5, bias=False, batch_first=True), rng)
    layer.in_proj_weight, layer.out_proj.weight = np.tile(np.eye(4), (3, 1)), np.eye(4)
    x = rng.standard_normal((2, 6, 4))
    y, weights = layer(x, x, x)
    assert (weights == 0).any()
    close(weights @ x, y)


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("kind", ["bool", "numbers"])
def test_a_query_that_sees_no_key_gives_zeros_and_has_no_gradient(kind, need_weights, rng):
    layer = randomised(nn.MultiheadAttention(E, H, bias=False, batch_first=True), rng)
    q, k = rng.standard_normal((2, 4, E)), rng.standard_normal((2, 5, E))
    hidden = np.zeros((4, 5), bool)
    hidden[1], hidden[2, 3:] = True, True
    mask = hidden if kind == "bool" else np.where(hidden, -np.inf, 0.0)
    (y, weights), backward = layer.vjp(q, k, k, attn_mask=mask, need_weights=need_weights)
    assert not y[:, 1].any() and y[:, [0, 2, 3]].all()
    if need_weights:
        assert not weights[:, 1].any() and not weights[:, 2, 3:].any()
        close(weights.sum(-1), np.array([1.0, 0, 1, 1]) * np.ones((2, 1)))
    (dq, dk, dv), grads = backward((rng.standard_normal(y.shape), None))
    assert not dq[:, 1].any() and all(np.isfinite(g).all() for g in (dq, dk, dv, *grads.values()))


@pytest.mark.parametrize("options", [{}, {"need_weights": False}])
@pytest.mark.parametrize("extra", [False, True])
@pytest.mark.parametrize("N, L, S", [(0, 3, 4), (2, 0, 4), (2, 3, 0)])
def test_empty_arrays(N, L, S, extra, options, rng):
    layer = nn.MultiheadAttention(E, H, add_bias_kv=extra, add_zero_attn=extra, batch_first=True).to("float64")
    q, k = rng.standard_normal((N, L, E)), rng.standard_normal((N, S, E))
    (y, weights), backward = layer.vjp(q, k, k, **options)
    assert y.shape == (N, L, E) and (weights is None or weights.shape == (N, L, S + 2 * extra))
    (dq, dk, dv), grads = backward((np.ones_like(y), None))
    assert (dq.shape, dk.shape, dv.shape) == (q.shape, k.shape, k.shape)
    assert list(grads) == [name for name, _ in layer.named_parameters()]


def test_without_weights_one_call_of_attention_and_one_product_for_one_array(rng):
    def calls(*inputs, **keywords):
        with backends.record() as tape:
            layer(*inputs, **keywords)
        return [node.op.name for node in tape if isinstance(node, backends.Call)]

    layer, x = nn.MultiheadAttention(E, H), rng.standard_normal((4, 2, E)).astype(np.float32)
    assert calls(x, x, x, need_weights=False) == ["linear", "attention", "linear"]
    assert calls(x, x[:2], x[:2], need_weights=False) == ["linear"] * 3 + ["attention", "linear"]
    key = x[:2]
    assert calls(x, key, key, need_weights=False) == ["linear", "linear", "attention", "linear"]


def test_backward_refuses_after_the_parameters_of_a_part_changed(rng):
    layer, x = nn.TransformerEncoderLayer(E, H, 16), rng.standard_normal((4, 2, E)).astype(np.float32)
    y, backward = layer.vjp(x)
    (dx, grads), (dx_again, grads_again) = backward(np.ones_like(y)), backward(np.ones_like(y))
    np.testing.assert_array_equal(dx, dx_again)
    for name, gradient in grads.items():
        np.testing.assert_array_equal(gradient, grads_again[name])
    layer.self_attn.out_proj.weight = np.ones((E, E), np.float32)
    with pytest.raises(RuntimeError, match="Linear: backward was called after"):
        backward(np.ones_like(y))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision(dtype, rng):
    pytest.importorskip("ml_dtypes")
    layer = randomised(nn.TransformerDecoderLayer(E, H, 16, 0.0, batch_first=True), rng, "float32")
    tgt, memory = (rng.standard_normal((2, n, E)).astype(np.float32) for n in (4, 5))
    y, backward = layer.vjp(tgt, memory)
    (expected, _), grads = backward(np.ones_like(y))
    layer.to(dtype)
    tgt, memory = (x.astype(layer.linear1.weight.dtype) for x in (tgt, memory))
    z, backward = layer.vjp(tgt, memory, tgt_mask=np.zeros((4, 4), np.float32))
    (dtgt, _), low_grads = backward(np.ones_like(z))
    assert z.dtype == dtgt.dtype == tgt.dtype and list(grads) == list(low_grads)
    # some 30 roundings in a row, each of half a unit in the last place, and a norm that may scale them up
    eps = 2.0**-8 if dtype == "bfloat16" else 2.0**-11
    assert np.abs(z.astype(np.float32) - y).max() <= 30 * eps * np.abs(y).max()
    assert np.abs(low_grads["linear2.weight"].astype(np.float32) - grads["linear2.weight"]).max() <= 30 * eps * max(
        np.abs(expected).max(), np.abs(grads["linear2.weight"]).max()
    )


# ---- packed sequences ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("integers", [np.int32, np.int64])
def test_packed_sequences_are_the_padded_ones(is_causal, integers, rng):
    model, lengths = gpt(rng, dropout=0.0), [3, 0, 1, 5]
    padded = rng.standard_normal((4, 5, E))
    valid = np.arange(5) < np.array(lengths)[:, None]
    y, backward = model.vjp(padded, src_key_padding_mask=~valid, is_causal=is_causal)
    cu_seqlens = np.cumsum([0, *lengths]).astype(integers)
    z, backward_packed = model.vjp(padded[valid], is_causal=is_causal, cu_seqlens=cu_seqlens)
    close(z, y[valid])
    np.testing.assert_array_equal(model.eval()(padded[valid], is_causal=is_causal, cu_seqlens=cu_seqlens), z)
    dy = np.where(valid[..., None], rng.standard_normal(y.shape), 0)
    (dx, grads), (dx_packed, grads_packed) = backward(dy), backward_packed(dy[valid])
    close(dx_packed, dx[valid])
    for name, gradient in grads.items():
        close(grads_packed[name], gradient)


# ---- errors ----------------------------------------------------------------------------------------------------------

x = np.zeros((2, 3, E), np.float32)


@pytest.mark.parametrize(
    "call, exception, message",
    [
        (lambda: nn.MultiheadAttention(8, 3), ValueError, "embed_dim is 8 but a multiple of num_heads 3"),
        (lambda: nn.MultiheadAttention(0, 1), ValueError, "embed_dim is 0"),
        (lambda: nn.MultiheadAttention(8, 0), ValueError, "num_heads is 0"),
        (lambda: nn.MultiheadAttention(8, 2, 1.5), ValueError, "dropout is 1.5"),
        (lambda: nn.MultiheadAttention(8, 2, batch_first=1), TypeError, "batch_first is 1"),
        (lambda: nn.TransformerEncoderLayer(8, 2, 0), ValueError, "dim_feedforward is 0"),
        (lambda: nn.TransformerEncoderLayer(8, 2, activation="swish"), ValueError, "activation is 'swish'"),
        (lambda: nn.TransformerDecoderLayer(8, 2, norm_first=None), TypeError, "norm_first is None"),
        (lambda: nn.TransformerEncoder(F.relu, 2), TypeError, "the layer is function"),
        (lambda: nn.TransformerEncoder(nn.Linear(8, 8), -1), ValueError, "num_layers is -1"),
    ],
)
def test_wrong_constructors(call, exception, message):
    with pytest.raises(exception, match=message):
        call()


@pytest.mark.parametrize(
    "inputs, keywords, exception, message",
    [
        ((x[..., :5], x, x), {}, ValueError, r"query has shape \(2, 3, 5\) but \(…, …, 8\)"),
        ((x, x[..., :5], x), {}, ValueError, r"key has shape \(2, 3, 5\)"),
        ((x, x, x[0]), {}, ValueError, r"value has shape \(3, 8\)"),
        ((x, x[:1], x[:1]), {}, ValueError, r"key has shape \(1, 3, 8\) but query \(2, 3, 8\) expects the same batch"),
        ((x, x[0], x[0]), {}, ValueError, r"key has shape \(3, 8\) but query"),
        ((x, x, x[:, :2]), {}, ValueError, r"value has shape \(2, 2, 8\) but key \(2, 3, 8\)"),
        ((x, x, x), {"attn_mask": np.zeros((3, 3))}, TypeError, "attn_mask is float64 but query float32"),
        ((x[None], x[None], x[None]), {}, ValueError, r"query has shape \(1, 2, 3, 8\)"),
        ((None, x, x), {}, TypeError, "query is NoneType"),
        ((x, x, "x"), {}, TypeError, "value is str"),
        ((x, x, x), {"attn_mask": np.zeros((3, 4), bool)}, ValueError, r"attn_mask has shape \(3, 4\) but \(3, 3\)"),
        ((x, x, x), {"attn_mask": np.zeros((2, 3, 3), bool)}, ValueError, r"\(2, 3, 3\) but \(3, 3\) or \(4, 3, 3\)"),
        ((x, x, x), {"attn_mask": np.zeros((3, 3), np.int64)}, TypeError, "attn_mask is int64"),
        ((x, x, x), {"key_padding_mask": [[True] * 3] * 2}, TypeError, "key_padding_mask is list"),
        ((x, x, x), {"key_padding_mask": np.zeros((2, 4), bool)}, ValueError, r"has shape \(2, 4\) but \(2, 3\)"),
        (
            (x, x, x),
            {"cu_seqlens": np.array([0, 6])},
            ValueError,
            r"cu_seqlens .* got query \(2, 3, 8\)",
        ),
        (
            (x[0], x[0], x[0]),
            {"cu_seqlens": np.array([0, 3]), "attn_mask": np.zeros((3, 3))},
            ValueError,
            r"cu_seqlens expects \(total, 8\) without masks",
        ),
    ],
)
def test_wrong_calls_of_multihead_attention(inputs, keywords, exception, message):
    with pytest.raises(exception, match="^MultiheadAttention: .*" + message):
        nn.MultiheadAttention(E, H, batch_first=True)(*inputs, **keywords)


def test_wrong_calls_of_stacks(rng):
    model = gpt(rng).to("float32").eval()
    with pytest.raises(ValueError, match=r"TransformerEncoderLayer: src has shape \(2, 3, 5\) but \(…, …, 8\)"):
        model(x[..., :5])
    for cu_seqlens, message in (
        ([0, 4, 2, 6], "falls from 4 to 2"),
        ([0, 5], "ends with 5"),
        ([1, 6], "begins with 1"),
    ):
        with pytest.raises(ValueError, match=f"varlen_attention: cu_seqlens_q {message}"):
            model(x.reshape(6, E), cu_seqlens=np.array(cu_seqlens))
    cache = model.make_cache(2, 4)
    with pytest.raises(ValueError, match="TransformerEncoder: cache is LayerCache"):
        model(x, cache=cache.layers[0])
    with pytest.raises(ValueError, match="make_cache: max_length is 0"):
        model.make_cache(2, 0)
    with pytest.raises(ValueError, match="length is 1 but at most 0"):
        cache.rewind(1)
    for indices, exception, message in (
        ([0, 2], ValueError, "index 2 is out of range for 2 sequences"),
        ([-1], ValueError, "index -1"),
        ([0.5], TypeError, "indices are float64"),
        ([[0]], TypeError, r"\(1, 1\)"),
    ):
        with pytest.raises(exception, match=f"cache.reorder: .*{message}"):
            cache.reorder(indices)
    with pytest.raises(ValueError, match=r"TransformerDecoderLayer: memory has shape \(2, 3, 5\)"):
        decoder(rng).to("float32")(x, x[..., :5])


# ---- layers written forward only -------------------------------------------------------------------------------------


class Around(Composite):
    def __init__(self, inner, add):
        self.inner, self.add = inner, add

    def forward(self, x):
        return self.add(x, self.inner(x))


def test_a_layer_written_forward_only_calls_layers_with_a_vjp_of_their_own(rng):
    inner = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
    around, expected = Around(inner, parts.add).to("float64"), nn.Residual({"inner": inner})
    x = rng.standard_normal((2, 3))
    for mode in (True, False):
        y, backward = around.train(mode).vjp(x)
        z, backward_expected = expected.vjp(x)
        np.testing.assert_array_equal(y, z)
        dy = rng.standard_normal(y.shape)
        (dx, grads), (dz, grads_expected) = backward(dy), backward_expected(dy)
        np.testing.assert_array_equal(dx, dz)
        assert list(grads) == list(grads_expected)
        for name, gradient in grads.items():
            np.testing.assert_array_equal(gradient, grads_expected[name])
    assert around.vjp(x, input_gradient=False)[1](dy)[0] is None


@pytest.mark.parametrize("add", [lambda a, b: a + b, lambda a, b: parts.add(2 * a, b)], ids=["last", "within"])
def test_a_layer_written_forward_only_finds_out_other_arithmetic(add, rng):
    around, x = Around(nn.Linear(3, 3), add).to("float64"), rng.standard_normal((2, 3))
    assert around(x).shape == (2, 3)
    with pytest.raises(TypeError, match="Around: vjp knows its way only through layers and functions of fastnets"):
        around.vjp(x)


class Scaled(nn.Module):
    """A user's layer in a stack, with a vjp of its own."""

    def __init__(self):
        self.scale = nn.Parameter(np.full(3, 2.0))

    def forward(self, src, **masks):
        return src * self.scale

    def vjp(self, src, *, input_gradient=True, **masks):
        return self(src), lambda dy: (dy * self.scale, {"scale": (dy * src).sum(axis=(0, 1))})


def test_stacks_take_layers_of_ones_own(rng):
    model, x = nn.TransformerEncoder(Scaled(), 2, nn.Tanh()), rng.standard_normal((4, 2, 3))
    y, backward = model.vjp(x)
    close(y, np.tanh(4 * x))
    dy = rng.standard_normal(y.shape)
    dx, grads = backward(dy)
    close(dx, 4 * dy * (1 - y**2))
    close(grads["layers.0.scale"], (dx * x / 2).sum((0, 1)))
    assert list(grads) == ["layers.0.scale", "layers.1.scale"]


class Product(nn.Module):
    """Two inputs, by hand."""

    def forward(self, a, b):
        return a * b

    def vjp(self, a, b, *, input_gradient=True):
        return a * b, lambda dy: ((dy * b, dy * a), {})


class Square(Composite):
    def __init__(self):
        self.product = Product()

    def forward(self, x):
        return self.product(x, x)


def test_an_array_given_twice_to_a_layer_has_both_gradients(rng):
    x, dy = rng.standard_normal((2, 2, 3))
    y, backward = Square().vjp(x)
    np.testing.assert_array_equal(y, x * x)
    np.testing.assert_array_equal(backward(dy)[0], dy * x + dy * x)
