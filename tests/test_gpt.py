"""GPT: generation with the cache and without, the published layout, gradients against transformers."""

import json

import numpy as np
import pytest

import fastnets as fn
from fastnets.models import GPT

CONFIG = {
    "model_type": "gpt2",
    "vocab_size": 11,
    "n_embd": 8,
    "n_layer": 2,
    "n_head": 2,
    "n_positions": 12,
    "activation_function": "gelu_new",
}


@pytest.fixture
def model(rng):
    fn.random.seed(3)
    model = GPT("ab c", embedding_dim=8, num_layers=2, num_heads=2, max_length=16)
    # as drawn at first all logits are alike
    model.load_state_dict({k: rng.standard_normal(v.shape) for k, v in model.named_parameters()}, strict=False)
    return model


def written(folder, rng, config=CONFIG, prefix="", tied=True):
    """A folder in the published layout, with random weights."""
    pytest.importorskip("safetensors")
    E, L, hidden = config["n_embd"], config["n_layer"], config.get("n_inner") or 4 * config["n_embd"]
    shapes = {"wte.weight": (config["vocab_size"], E), "wpe.weight": (config["n_positions"], E)}
    for n in range(L):
        for name, shape in {
            "ln_1": (E,), "attn.c_attn": (E, 3 * E), "attn.c_proj": (E, E),
            "ln_2": (E,), "mlp.c_fc": (E, hidden), "mlp.c_proj": (hidden, E),
        }.items():  # fmt: skip
            shapes |= {f"h.{n}.{name}.weight": shape, f"h.{n}.{name}.bias": shape[-1:]}
        shapes[f"h.{n}.attn.bias"] = (1, 1, 12, 12)  # a mask, which some files hold
    shapes |= {"ln_f.weight": (E,), "ln_f.bias": (E,)}
    weights = {prefix + name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    if not tied:
        weights["lm_head.weight"] = rng.standard_normal((config["vocab_size"], E)).astype(np.float32)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    fn.io.save_safetensors(weights, folder / "model.safetensors")
    return weights


@pytest.mark.parametrize("changes", [{}, {"n_inner": 20, "tie_word_embeddings": False, "activation_function": "gelu"}])
def test_model_is_transformers(changes, tmp_path, rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    config = {**CONFIG, **changes, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    peer = transformers.GPT2LMHeadModel(transformers.GPT2Config(**config)).to(torch.float64)
    with torch.no_grad():
        for parameter in peer.parameters():
            parameter.normal_()
    weights = {k: v.float().numpy() for k, v in peer.state_dict().items()}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    fn.io.save_safetensors({k: np.ascontiguousarray(v) for k, v in weights.items()}, tmp_path / "model.safetensors")
    peer.load_state_dict({k: torch.from_numpy(v).double() for k, v in weights.items()})
    model = GPT.from_pretrained(tmp_path).train().to("float64")

    tokens = rng.integers(0, 11, (3, 7))
    y, backward = model.vjp(tokens)
    y_peer = peer.train()(torch.from_numpy(tokens)).logits
    expected = y_peer.detach().numpy()
    # float64 against float64: sums of at most 32 terms, in a chain of some 20 products and norms
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-11 * np.abs(expected).max())
    dy = rng.standard_normal(y.shape)
    _, grads = backward(dy)
    y_peer.backward(torch.from_numpy(dy))
    assert list(grads) == [name for name, _ in model.named_parameters()]
    for name, published, turned in [
        ("embedding.weight", "transformer.wte.weight", False),
        ("positions.weight", "transformer.wpe.weight", False),
        ("decoder.layers.1.self_attn.in_proj_weight", "transformer.h.1.attn.c_attn.weight", True),
        ("decoder.layers.0.linear1.bias", "transformer.h.0.mlp.c_fc.bias", False),
        ("decoder.norm.weight", "transformer.ln_f.weight", False),
    ]:
        expected = peer.get_parameter(published).grad.numpy()
        expected = expected.T if turned else expected
        np.testing.assert_allclose(grads[name], expected, rtol=0, atol=1e-10 * np.abs(expected).max(), err_msg=name)


def test_generation_with_the_cache_is_that_without(model):
    likeliest = model.generate("ab", temperature=0, length=12)
    text = "ab"
    for character in likeliest:
        logits = model.eval()(model.encode(text)[None])
        assert model.characters[logits[0, -1].argmax()] == character
        text += character
    tokens = model.generate([0, 1], temperature=0, length=12)
    assert tokens.dtype == np.int64 and model.decode(tokens) == likeliest
    assert model.generate("ab", seed=1, length=12) == model.generate("ab", seed=1, length=12)
    # hot, all tokens are as likely as each other
    assert len({model.generate("ab", temperature=1e6, seed=n, length=12) for n in range(8)}) > 1
    assert not model.training and model.train().generate("a", length=1) and model.training


def test_logits_with_the_cache_are_those_without(model, rng):
    model.to("float64").eval()
    tokens = rng.integers(0, 4, (2, 9))
    cache = model.make_cache(2)
    found = np.concatenate([model(tokens[:, at], cache=cache) for at in (slice(0, 4), slice(4, 5), slice(5, 9))], 1)
    expected = model(tokens)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * np.abs(expected).max())


def test_a_step_lowers_the_loss(model, rng):
    tokens = rng.integers(0, 4, (4, 9))
    model.to("float64")
    model.dropout.p = 0.0

    def loss():
        logits, backward = model.vjp(tokens[:, :-1])
        value, dlogits = fn.value_and_grad(
            fn.functional.cross_entropy, logits.reshape(-1, 4), tokens[:, 1:].reshape(-1)
        )
        return float(value), backward(dlogits.reshape(logits.shape))[1]

    for layer in model.decoder.layers:
        for dropout in (layer.dropout, layer.dropout1, layer.dropout2):
            dropout.p = 0.0
        layer.self_attn.dropout = 0.0
    optimizer, (before, grads) = fn.optim.SGD(model, lr=1e-4), loss()
    optimizer.step(grads)
    assert loss()[0] < before
    assert model.head.weight is model.embedding.weight


@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_published_names(prefix, tmp_path, rng):
    weights = written(tmp_path, rng, prefix=prefix)
    model = GPT.from_pretrained(str(tmp_path))
    assert not model.training and model.head.weight is model.embedding.weight
    np.testing.assert_array_equal(model.embedding.weight, weights[prefix + "wte.weight"])
    np.testing.assert_array_equal(model.decoder.layers[1].linear1.weight, weights[prefix + "h.1.mlp.c_fc.weight"].T)
    assert model.generate([1, 2], length=3, seed=0).shape == (3,)


def test_an_untied_head(tmp_path, rng):
    weights = written(tmp_path, rng, {**CONFIG, "tie_word_embeddings": False}, tied=False)
    model = GPT.from_pretrained(tmp_path)
    np.testing.assert_array_equal(model.head.weight, weights["lm_head.weight"])
    assert model.embedding.weight is not model.head.weight


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"model_type": "bert"}, "model_type is 'bert' but one of 'gpt2'"),
        ({"activation_function": "swish"}, "activation_function is 'swish' but one of 'gelu_new'"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx is True"),
        ({"n_layer": 3}, "lacks h.2.ln_1.weight, h.2.ln_1.bias, h.2.attn.c_attn.weight"),
        ({"tie_word_embeddings": False}, "model.safetensors lacks lm_head.weight"),
        ({"n_embd": 6}, r"embedding.weight has shape \(11, 8\) but \(11, 6\)"),
    ],
)
def test_wrong_folders(changes, message, tmp_path, rng):
    written(tmp_path, rng)
    config = {**CONFIG, **changes}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        GPT.from_pretrained(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"GPT: .*elsewhere is no folder"):
        GPT.from_pretrained(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match=r"config\.json is missing"):
        GPT.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors is missing"):
        GPT.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"config\.json lacks vocab_size, n_embd, n_layer, n_head, n_positions"):
        GPT.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    "call, exception, message",
    [
        (lambda model: GPT(0), ValueError, "GPT: vocabulary is 0"),
        (lambda model: GPT(4, 8, 1, 3), ValueError, "embed_dim is 8 but a multiple of num_heads 3"),
        (lambda model: GPT(4, 8, 1, 2, 0), ValueError, "GPT: max_length is 0"),
        (lambda model: model(np.zeros(3, np.int64)), ValueError, r"GPT: tokens have shape \(3,\) but \(N, T\)"),
        (lambda model: model(np.zeros((1, 17), np.int64)), ValueError, "17 positions but at most max_length 16"),
        (lambda model: model(np.full((1, 3), 4)), ValueError, "input 4 at element 0 is out of range for 4 rows"),
        (lambda model: model.generate("a" * 10, length=8), ValueError, "a prompt of 10 tokens and 8 more do not fit"),
        (lambda model: model.generate(""), ValueError, "at least one token"),
        (lambda model: model.generate("x"), ValueError, "text holds 'x'"),
    ],
)
def test_wrong_calls(call, exception, message, model):
    with pytest.raises(exception, match=message):
        call(model)
