"""Attention's layers against torch.nn with every option: keys, forward in both modes, gradients."""

import numpy as np
import pytest

import fastnets.functional as F
from fastnets import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor is True:UserWarning")

N, L, S, E, H = 3, 4, 5, 8, 2  # batch, queries, keys, features, heads


def close(found, expected, err_msg=""):
    """Float64 against float64; sums of at most a few hundred terms through at most 30 products and norms."""
    bound = 1e-11 * max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound, err_msg=err_msg)


def pair(name, *args, **kwargs):
    """A layer and torch's, in float64, with the same parameters, none of which is near 0 or another."""
    layer = getattr(nn, name)(*args, **kwargs).to("float64")
    peers = {key: {F.gelu: torch.nn.functional.gelu}.get(value, value) for key, value in kwargs.items()}
    peer = getattr(torch.nn, name)(*args, **peers).to(torch.float64)
    return layer, same_parameters(layer, peer)


def same_parameters(layer, peer):
    assert {key: value.shape for key, value in layer.state_dict().items()} == {
        key: tuple(value.shape) for key, value in peer.state_dict().items()
    }
    with torch.no_grad():
        for key, parameter in peer.named_parameters():
            parameter.normal_(1.0 if "norm" in key and "weight" in key else 0.0, 0.5)
    layer.load_state_dict(peer.state_dict())
    return peer


def compare(layer, peer, inputs, keywords, rng):
    """Values in both modes, and the gradients of inputs and parameters."""
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    as_peers = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in keywords.items()}
    y_peer = peer(*tensors, **as_peers)
    y, backward = layer.vjp(*inputs, **keywords)
    several = isinstance(y_peer, tuple)
    outputs, outputs_peer = (y, y_peer) if several else ((y,), (y_peer,))
    for mode in ("train", "eval"):
        again = getattr(layer, mode)()(*inputs, **keywords)
        for mine, first in zip(again if several else (again,), outputs, strict=True):
            np.testing.assert_array_equal(mine, first)
    layer.train()
    gradients, total = [], 0.0
    for mine, theirs in zip(outputs, outputs_peer, strict=True):
        gradients.append(None)
        assert (mine is None) == (theirs is None)
        if mine is not None:
            close(mine, theirs.detach().numpy())
            gradients[-1] = rng.standard_normal(mine.shape)
            total = total + (theirs * torch.from_numpy(gradients[-1])).sum()
    total.backward()
    dinputs, grads = backward(tuple(gradients) if several else gradients[0])
    for dx, tensor in zip(dinputs if len(inputs) > 1 else (dinputs,), tensors, strict=True):
        close(dx, tensor.grad.numpy())
    assert list(grads) == [key for key, _ in peer.named_parameters()]
    for key, parameter in peer.named_parameters():
        close(grads[key], parameter.grad.numpy(), key)


def arrays(rng, batch_first, *shapes):
    made = [rng.standard_normal(shape) for shape in shapes]
    return [x if batch_first or x.ndim == 2 else np.ascontiguousarray(x.swapaxes(0, 1)) for x in made]


def hide(rng, *shape):
    """A mask of which no row hides everything."""
    mask = rng.random(shape) < 0.4
    mask[..., 0] = False
    return mask


MULTIHEAD = [  # constructor, call; functions are of the generator
    ({}, {}),
    ({}, {"need_weights": False}),
    ({"batch_first": True}, {"average_attn_weights": False}),
    ({"bias": False}, {"key_padding_mask": lambda rng: hide(rng, N, S)}),
    ({"batch_first": True}, {"key_padding_mask": lambda rng: rng.standard_normal((N, S)), "need_weights": False}),
    ({}, {"attn_mask": lambda rng: hide(rng, L, S)}),
    ({"batch_first": True}, {"attn_mask": lambda rng: hide(rng, N * H, L, S), "need_weights": False}),
    ({}, {"attn_mask": lambda rng: rng.standard_normal((L, S))}),
    ({}, {"attn_mask": lambda rng: rng.standard_normal((N * H, L, S)), "need_weights": False}),
    ({}, {"attn_mask": lambda rng: hide(rng, L, S), "key_padding_mask": lambda rng: hide(rng, N, S)}),
    ({"add_bias_kv": True}, {"attn_mask": lambda rng: hide(rng, N * H, L, S)}),
    ({"add_zero_attn": True}, {"key_padding_mask": lambda rng: hide(rng, N, S), "need_weights": False}),
    (
        {"add_bias_kv": True, "add_zero_attn": True, "batch_first": True},
        {"attn_mask": lambda rng: rng.standard_normal((L, S)), "key_padding_mask": lambda rng: hide(rng, N, S)},
    ),
    ({"add_bias_kv": True, "bias": False}, {"average_attn_weights": False}),
    ({"kdim": 3}, {}),
    ({"kdim": 3, "vdim": 7, "bias": False, "batch_first": True}, {"need_weights": False}),
    ({"vdim": 7, "add_bias_kv": True}, {"key_padding_mask": lambda rng: hide(rng, N, S)}),
]


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask:UserWarning")
@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize(("options", "keywords"), MULTIHEAD)
def test_multihead_attention_is_torchs(options, keywords, batched, rng):
    layer, peer = pair("MultiheadAttention", E, H, **options)
    lead = (N,) if batched else ()
    shapes = [(*lead, L, E), (*lead, S, options.get("kdim", E)), (*lead, S, options.get("vdim", E))]
    keywords = {key: value(rng) if callable(value) else value for key, value in keywords.items()}
    if not batched:
        for key in ("key_padding_mask", "attn_mask"):
            if key in keywords and keywords[key].shape[0] == N:
                keywords[key] = keywords[key][0]
            elif key in keywords and keywords[key].ndim == 3:
                keywords[key] = keywords[key][:H]
    compare(layer, peer, arrays(rng, options.get("batch_first"), *shapes), keywords, rng)


@pytest.mark.parametrize("options", [{}, {"add_bias_kv": True, "add_zero_attn": True}])
def test_multihead_attention_of_one_array_causal_is_torchs(options, rng):
    """One product for query, key and value; torch says causality with a mask."""
    layer, peer = pair("MultiheadAttention", E, H, batch_first=True, **options)
    x = rng.standard_normal((N, L, E))
    t = torch.tensor(x, requires_grad=True)
    mask = torch.triu(torch.ones(L, L, dtype=torch.bool), 1)
    y_peer, weights_peer = peer(t, t, t, attn_mask=mask)
    y, weights = layer(x, x, x, is_causal=True)
    close(y, y_peer.detach().numpy())
    close(weights, weights_peer.detach().numpy())
    dy = rng.standard_normal(y.shape)
    (y, _), backward = layer.vjp(x, x, x, is_causal=True)
    dinputs, _ = backward((dy, None))
    y_peer.backward(torch.from_numpy(dy))
    close(sum(dinputs), t.grad.numpy())


def test_initial_parameters_are_distributed_as_torchs():
    layer, peer = nn.MultiheadAttention(64, 4, add_bias_kv=True), torch.nn.MultiheadAttention(64, 4, add_bias_kv=True)
    for key, value in peer.state_dict().items():
        expected, found = value.numpy().std(), layer.state_dict()[key].std()
        # two estimates from n draws each: their ratio is within 6 · √(1 / n) of 1, kurtosis being at most 3
        assert abs(found - expected) <= 6 * value.numel() ** -0.5 * expected, key
    peer, layer = (m.Transformer(64, 4, 1, 1, 64).state_dict() for m in (torch.nn, nn))
    for key, value in peer.items():
        expected, found = value.numpy().std(), layer[key].std()
        assert abs(found - expected) <= 6 * value.numel() ** -0.5 * expected, key


CAUSAL = torch.nn.Transformer.generate_square_subsequent_mask(L, dtype=torch.float64).numpy()
LAYERS = [
    {},
    {"norm_first": True},
    {"batch_first": True, "activation": "gelu", "layer_norm_eps": 1e-2},
    {"norm_first": True, "bias": False, "activation": F.gelu},
]


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("options", LAYERS)
@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"src_mask": CAUSAL, "is_causal": True},
        {"src_key_padding_mask": lambda rng: hide(rng, N, L)},
        {"src_mask": lambda rng: rng.standard_normal((L, L))},
    ],
)
def test_encoder_layer_is_torchs(options, keywords, batched, rng):
    layer, peer = pair("TransformerEncoderLayer", E, H, 16, 0.0, **options)
    keywords = {key: value(rng) if callable(value) else value for key, value in keywords.items()}
    if not batched and "src_key_padding_mask" in keywords:
        keywords["src_key_padding_mask"] = keywords["src_key_padding_mask"][0]
    x = arrays(rng, options.get("batch_first"), (N, L, E) if batched else (L, E))
    compare(layer, peer, x, keywords, rng)


DECODER = [
    {},
    {"tgt_mask": CAUSAL, "tgt_is_causal": True},
    {"memory_mask": lambda rng: hide(rng, L, S)},
    {
        "tgt_key_padding_mask": lambda rng: hide(rng, N, L),
        "memory_key_padding_mask": lambda rng: hide(rng, N, S),
        "tgt_mask": lambda rng: hide(rng, N * H, L, L),
    },
]


@pytest.mark.parametrize("options", LAYERS)
@pytest.mark.parametrize("keywords", DECODER)
def test_decoder_layer_is_torchs(options, keywords, rng):
    layer, peer = pair("TransformerDecoderLayer", E, H, 16, 0.0, **options)
    keywords = {key: value(rng) if callable(value) else value for key, value in keywords.items()}
    compare(layer, peer, arrays(rng, options.get("batch_first"), (N, L, E), (N, S, E)), keywords, rng)


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_stacks_are_torchs(batch_first, norm, rng):
    def build(layers, kind):
        layer = getattr(layers, f"Transformer{kind}Layer")(E, H, 16, 0.0, batch_first=batch_first)
        return getattr(layers, f"Transformer{kind}")(layer, 2, layers.LayerNorm(E) if norm else None)

    src, tgt = arrays(rng, batch_first, (N, S, E), (N, L, E))
    encoder, peer = build(nn, "Encoder").to("float64"), build(torch.nn, "Encoder").to(torch.float64)
    compare(encoder, same_parameters(encoder, peer), [src], {"src_key_padding_mask": hide(rng, N, S)}, rng)
    decoder, peer = build(nn, "Decoder").to("float64"), build(torch.nn, "Decoder").to(torch.float64)
    keywords = {"tgt_mask": CAUSAL, "memory_key_padding_mask": hide(rng, N, S)}
    compare(decoder, same_parameters(decoder, peer), [tgt, src], keywords, rng)


@pytest.mark.parametrize(
    "options", [{}, {"norm_first": True, "batch_first": True, "bias": False, "activation": "gelu"}]
)
def test_transformer_is_torchs(options, rng):
    layer, peer = pair("Transformer", E, H, 2, 1, 16, 0.0, **options)
    keywords = {"tgt_mask": CAUSAL, "src_key_padding_mask": hide(rng, N, S), "memory_mask": hide(rng, L, S)}
    compare(layer, peer, arrays(rng, options.get("batch_first"), (N, S, E), (N, L, E)), keywords, rng)


def test_the_subsequent_mask_is_torchs():
    for dtype in (None, torch.float64):
        mask = nn.Transformer.generate_square_subsequent_mask(5, dtype=dtype)
        peer = torch.nn.Transformer.generate_square_subsequent_mask(5, dtype=dtype)
        np.testing.assert_array_equal(mask, peer.numpy())
        assert str(mask.dtype) == str(peer.dtype).removeprefix("torch.")


def test_layers_on_torch_tensors_record_on_autograd(rng):
    layer = nn.TransformerDecoderLayer(E, H, 16, 0.0, batch_first=True).to("float64")
    tgt, memory = rng.standard_normal((N, L, E)), rng.standard_normal((N, S, E))
    y, backward = layer.vjp(tgt, memory)
    dy = rng.standard_normal(y.shape)
    dinputs, grads = backward(dy)
    layer.to("torch")
    parameters = dict(layer.named_parameters())
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    tensors = [torch.tensor(x, requires_grad=True) for x in (tgt, memory)]
    y_torch = layer(*tensors)
    np.testing.assert_array_equal(y_torch.detach().numpy(), y)
    y_torch.backward(torch.from_numpy(dy))
    for dx, tensor in zip(dinputs, tensors, strict=True):
        close(dx, tensor.grad.numpy())
    for key, parameter in parameters.items():
        close(grads[key], parameter.grad.numpy(), key)


def test_flops_are_those_that_torch_counts():
    from torch.utils.flop_counter import FlopCounterMode

    def build(layers):
        return layers.TransformerEncoder(layers.TransformerEncoderLayer(E, H, 16, 0.1, batch_first=True), 2)

    with FlopCounterMode(display=False) as counter:
        build(torch.nn)(torch.zeros(N, L, E))
    assert build(nn).summary((N, L, E)).flops == counter.get_total_flops()
