"""BERT: against plain NumPy and transformers, its gradients, its published files, and what is wrong with them."""

import json

import numpy as np
import pytest

import fastnets as fn
import toy_bert
from fastnets import nn
from fastnets.models import Bert, checkpoint

pytest.importorskip("safetensors", reason="safetensors is not installed (extra: demo)")

EPS = np.finfo(np.float64).eps
MASKS = {
    "all": np.ones((3, 6), int),
    "right": np.arange(6) < np.array([[6], [2], [4]]),
    "left": (np.arange(6) >= np.array([[1], [0], [5]])).astype(np.float32),
    "holes": np.array([[1, 0, 1, 1, 0, 1], [0, 1, 0, 0, 0, 0], [1, 1, 1, 0, 1, 1]]),
    "an empty row": np.array([[1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]]),
    "nothing": np.zeros((3, 6), bool),
}


@pytest.fixture
def weights(rng):
    return toy_bert.draw(rng)


@pytest.fixture
def bert(weights, tmp_path):
    return Bert.from_pretrained(toy_bert.write(tmp_path / "toy", weights)).to("float64")


def batch(rng):
    return rng.integers(0, 13, (3, 6)), rng.integers(0, 2, (3, 6))


def close(found, expected, what=""):
    """Float64 against float64: two layers of sums and norms, some 1,000 roundings of the largest value."""
    bound = 1000 * EPS * max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound, err_msg=what)


# ---- what it computes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MASKS)
def test_hidden_state_is_that_of_each_sequence_by_itself(kind, bert, weights, rng):
    (ids, types), mask = batch(rng), MASKS[kind]
    expected = np.zeros((3, 6, 12))
    for n, row in enumerate(mask != 0):
        if row.any():
            places = np.flatnonzero(row)
            expected[n, row] = toy_bert.hidden(weights, ids[n, row], places, types[n, row])
    ids[mask == 0] = 99  # never looked at
    close(bert(ids, mask, types), expected)
    if kind == "all":
        close(bert(ids, token_type_ids=types), expected)
        close(bert(ids.astype(np.int32), None, 0 * types), bert(ids))


def test_gradients_are_the_slope_of_the_forward_pass(bert, rng):
    (ids, types), mask, dy = batch(rng), MASKS["holes"], rng.standard_normal((3, 6, 12))
    hidden, backward = bert.vjp(ids, mask, types)
    np.testing.assert_array_equal(hidden, bert(ids, mask, types))
    dinputs, grads = backward(dy)
    assert dinputs == (None, None, None)
    assert list(grads) == [name for name, _ in bert.named_parameters()]
    state = {name: array.copy() for name, array in bert.state_dict().items()}
    step = 1e-5
    for name, array in state.items():
        direction = rng.standard_normal(array.shape)
        direction[0] *= name != "embeddings.word_embeddings.weight"  # the padding's row is held still
        direction /= np.linalg.norm(direction)
        sides = []
        for sign in (1, -1):
            bert.load_state_dict({**state, name: array + sign * step * direction})
            sides.append((bert(ids, mask, types) * dy).sum())
        slope = (sides[0] - sides[1]) / (2 * step)
        # the third derivative's part, step², and roundings of the sums over the step
        assert abs(slope - (grads[name] * direction).sum()) <= 1e-5 * max(1.0, np.abs(grads[name]).max()), name
    assert not grads["embeddings.word_embeddings.weight"][0].any()


def test_gradients_of_hidden_rows_are_not_looked_at(bert, rng):
    (ids, types), mask, dy = batch(rng), MASKS["right"], rng.standard_normal((3, 6, 12))
    expected = bert.vjp(ids, mask, types)[1](dy)[1]
    dy[mask == 0] = np.nan
    grads = bert.vjp(ids, mask, types)[1](dy)[1]
    for name, gradient in expected.items():
        np.testing.assert_array_equal(grads[name], gradient, err_msg=name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_depend_on_neither_padding_nor_place_nor_threads(dtype, bert, rng):
    bert.to(dtype)
    lengths = np.array([5, 2, 4])
    mask = np.arange(6) < lengths[:, None]
    ids = np.where(mask, batch(rng)[0], 0)
    hidden = bert(ids, mask)
    longer = bert(np.pad(ids, ((0, 0), (0, 3))), np.pad(mask, ((0, 0), (0, 3))))
    np.testing.assert_array_equal(longer[:, :6], hidden)
    order = np.array([2, 0, 1])
    np.testing.assert_array_equal(bert(ids[order], mask[order]), hidden[order])
    threads = fn.num_threads()
    try:
        fn.set_num_threads(1 if threads > 1 else 2)
        np.testing.assert_array_equal(bert(ids, mask), hidden)
    finally:
        fn.set_num_threads(threads)


def test_dropout_is_active_in_training_alone(weights, tmp_path, rng):
    config = {**toy_bert.CONFIG, "hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.2}
    bert, (ids, _) = Bert.from_pretrained(toy_bert.write(tmp_path / "toy", weights, config)), batch(rng)
    still = bert(ids)
    np.testing.assert_array_equal(bert(ids), still)
    bert.train()
    assert (bert(ids) != bert(ids)).any()
    layer = bert.encoder.layers[1]
    assert (layer.dropout.p, layer.dropout1.p, layer.dropout2.p) == (0.0, 0.3, 0.3)
    assert layer.self_attn.dropout == 0.2 and bert.embeddings.dropout.p == 0.3


def test_initial_weights_are_berts():
    fn.random.seed(1)
    bert = Bert(200, 60, 2, 3, 120)
    for name, array in bert.state_dict().items():
        if array.ndim == 2 and "token_type" not in name:
            assert 0.015 < array[1:].std() < 0.025, name
        elif name.endswith("bias"):
            assert not array.any(), name
    assert not bert.embeddings.word_embeddings.weight[0].any()
    first, second = (layer.linear1.weight for layer in bert.encoder.layers)
    assert (first != second).any()


def test_minilms_size():
    with fn.random.skip_drawing():
        bert = Bert(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)
    pooler = 384 * 384 + 384  # which is left out
    assert sum(parameter.size for parameter in bert.parameters()) == 22_713_216 - pooler


def test_empty_batches(bert):
    for shape in ((0, 4), (2, 0), (0, 0)):
        assert bert(np.zeros(shape, np.int64)).shape == (*shape, 12)


# ---- torch -----------------------------------------------------------------------------------------------------------


def test_torch_arrays(bert, rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    (ids, types), mask, dy = batch(rng), MASKS["holes"], rng.standard_normal((3, 6, 12))
    expected, backward = bert.vjp(ids, mask, types)
    gradients = backward(dy)[1]
    bert.to("torch")
    tensors = [torch.tensor(array) for array in (ids, mask, types)]
    hidden = bert(*tensors)
    assert isinstance(hidden, torch.Tensor)
    np.testing.assert_array_equal(hidden.numpy(), expected)
    grads = bert.vjp(*tensors)[1](torch.tensor(dy))[1]
    for name, gradient in gradients.items():
        np.testing.assert_array_equal(grads[name].numpy(), gradient, err_msg=name)


@pytest.mark.parametrize("kind", MASKS)
def test_model_is_transformers(kind, rng, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed (extra: peers)")
    config = transformers.BertConfig(**toy_bert.CONFIG, initializer_range=0.5, attn_implementation="eager")
    peer = transformers.BertModel(config)
    peer.save_pretrained(tmp_path)
    bert, peer = Bert.from_pretrained(tmp_path).to("float64"), peer.double().eval()
    (ids, types), mask, dy = batch(rng), MASKS[kind] != 0, rng.standard_normal((3, 6, 12))
    dy[~mask] = 0
    hidden, backward = bert.vjp(ids, mask, types)
    theirs = peer(*(torch.tensor(array) for array in (ids, mask.astype(int), types))).last_hidden_state
    close(hidden[mask], theirs.detach().numpy()[mask])
    assert not hidden[~mask].any()
    grads = backward(dy)[1]
    theirs.backward(torch.tensor(dy))
    expected = {
        name: np.zeros(p.shape) if p.grad is None else p.grad.numpy()
        for name, p in peer.named_parameters()
        if not name.startswith("pooler")
    }
    expected = checkpoint.renamed(expected, 2)
    assert grads.keys() == expected.keys()
    for name, gradient in expected.items():
        close(grads[name], gradient, name)


# ---- its files -------------------------------------------------------------------------------------------------------


def test_older_names_heads_and_half_precision_load(weights, tmp_path, rng):
    published = {}
    for name, array in weights.items():
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        published[f"bert.{name}"] = array.astype(np.float16)
    published |= {
        "bert.embeddings.position_ids": np.arange(9)[None],
        "bert.pooler.dense.weight": np.zeros((12, 12), np.float32),
        "cls.predictions.bias": np.zeros(13, np.float32),
    }
    bert = Bert.from_pretrained(toy_bert.write(tmp_path / "old", published))
    assert not bert.training and bert.embeddings.LayerNorm.weight.dtype == np.float32
    (ids, _), rounded = batch(rng), {name: array.astype(np.float16) for name, array in weights.items()}
    close(bert.to("float64")(ids)[1], toy_bert.hidden(rounded, ids[1]))


@pytest.mark.parametrize("kind, expected", [("gelu_new", "tanh"), ("relu", "relu")])
def test_other_activations(kind, expected, weights, tmp_path, rng):
    bert = Bert.from_pretrained(toy_bert.write(tmp_path / "toy", weights, {**toy_bert.CONFIG, "hidden_act": kind}))
    plain = Bert.from_pretrained(toy_bert.write(tmp_path / "toy", weights))
    ids, _ = batch(rng)
    difference = np.abs(bert(ids) - plain(ids)).max()
    assert difference > 0 and (difference < 0.01) == (expected == "tanh")


def changed(**fields):
    return lambda folder: (folder / "config.json").write_text(json.dumps({**toy_bert.CONFIG, **fields}))


def without(*keys):
    rest = {key: value for key, value in toy_bert.CONFIG.items() if key not in keys}
    return lambda folder: (folder / "config.json").write_text(json.dumps(rest))


@pytest.mark.parametrize(
    "damage, error, message",
    [
        (lambda folder: (folder / "config.json").unlink(), FileNotFoundError, "config.json is missing"),
        (lambda folder: (folder / "model.safetensors").unlink(), FileNotFoundError, "model.safetensors is missing"),
        (lambda folder: (folder / "config.json").write_text("{"), ValueError, "no JSON file"),
        (lambda folder: (folder / "config.json").write_text("[]"), ValueError, "holds list but dict"),
        (lambda folder: (folder / "model.safetensors").write_text("x"), ValueError, "not a readable safetensors"),
        (changed(model_type="gpt2"), ValueError, "model_type is 'gpt2' but 'bert'"),
        (without("model_type"), ValueError, "model_type is None but 'bert'"),
        (changed(position_embedding_type="relative_key"), ValueError, "'relative_key' but 'absolute'"),
        (changed(is_decoder=True), ValueError, "is_decoder is True but False"),
        (changed(hidden_act="mish"), ValueError, "hidden_act is 'mish' but one of 'gelu'"),
        (changed(num_attention_heads=5), ValueError, "hidden_size is 12 but a multiple of num_attention_heads 5"),
        (changed(hidden_size="wide"), TypeError, "hidden_size is 'wide' but an integer"),
        (changed(hidden_dropout_prob=2), ValueError, "2 but a number in"),
        (without("hidden_size", "vocab_size"), ValueError, "missing: vocab_size, hidden_size"),
        (changed(num_hidden_layers=3), ValueError, "missing: encoder.layer.2.attention.self.query.weight"),
        (changed(num_hidden_layers=1), ValueError, "unexpected: encoder.layer.1.attention.output.LayerNorm.bias"),
        (changed(vocab_size=14), ValueError, r"has shape \(13, 12\) but \(14, 12\)"),
    ],
)
def test_damaged_folders(damage, error, message, weights, tmp_path):
    folder = toy_bert.write(tmp_path / "toy", weights)
    damage(folder)
    with pytest.raises(error, match=message):
        Bert.from_pretrained(folder)


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere is no folder"):
        Bert.from_pretrained(tmp_path / "nowhere")


def test_torchs_own_file_is_named(weights, tmp_path):
    folder = toy_bert.write(tmp_path / "toy", weights)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match=r"pytorch_model.bin is there, but is not served"):
        Bert.from_pretrained(folder)


IDS = np.array([[1, 2, 3]])


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (([[1, 2]],), TypeError, "Bert: input_ids is list but an array"),
        ((np.array([1, 2]),), ValueError, r"Bert: input_ids has shape \(2,\) but \(N, S\)"),
        ((np.zeros((1, 10), int),), ValueError, r"input_ids \(1, 10\) has 10 .* max_position_embeddings 9"),
        ((np.array([[1, 13]]),), ValueError, "input_ids holds 13 but 0 to vocab_size - 1 = 12"),
        ((np.array([[1, -1]]),), ValueError, "input_ids holds -1 but"),
        ((IDS.astype(float),), TypeError, "float64 but must be int64 or int32"),
        ((IDS, [1, 1, 1]), TypeError, "attention_mask is list"),
        ((IDS, np.ones((1, 2))), ValueError, r"attention_mask has shape \(1, 2\) but input_ids \(1, 3\)"),
        ((IDS, np.array([[0, 1, 0.5]])), ValueError, "attention_mask holds 0.5 but 0 or 1"),
        ((IDS, None, [0]), TypeError, "token_type_ids is list"),
        ((IDS, None, np.zeros((2, 3), int)), ValueError, r"token_type_ids has shape \(2, 3\)"),
        ((IDS, None, np.array([[0, 2, 0]])), ValueError, "token_type_ids holds 2 but 0 to type_vocab_size - 1 = 1"),
    ],
)
def test_wrong_inputs(arguments, error, message, bert):
    with pytest.raises(error, match=message):
        bert(*arguments)
    with pytest.raises(error, match=message):
        bert.vjp(*arguments)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"vocab_size": 0}, "vocab_size is 0 but at least 1"),
        ({"initializer_range": -1.0}, "initializer_range is -1.0"),
        ({"attention_probs_dropout_prob": -1.0}, "attention_probs_dropout_prob is -1.0"),
        ({"pad_token_id": 100}, "padding_idx is 100"),
        ({"layer_norm_eps": -1.0}, "eps is -1.0"),
    ],
)
def test_wrong_sizes(arguments, message):
    with pytest.raises(ValueError, match=message):
        Bert(**{"vocab_size": 10, "hidden_size": 4, "num_attention_heads": 2, "intermediate_size": 4, **arguments})


def test_a_model_without_padding_token():
    bert = Bert(10, 4, 1, 2, 4, pad_token_id=None)
    assert bert.embeddings.word_embeddings.weight[0].any()
    assert isinstance(bert.embeddings.word_embeddings, nn.Embedding)
