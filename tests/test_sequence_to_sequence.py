"""The Transformer from sequence to sequence: against PyTorch, how it is searched, and the demo that trains it."""

import itertools
import json
import math

import numpy as np
import pytest

import fastnets as fn
import fastnets.functional as F
from fastnets import cli
from fastnets.cli.demo import peer, translate
from fastnets.data import Vocabulary
from fastnets.models import Transformer

EPS = np.finfo(np.float64).eps


def tokens_of(rng, vocabulary, lengths):
    """Random tokens, each sequence of a length of its own, ended and filled up."""
    tokens = np.zeros((len(lengths), max(lengths)), np.int64)
    for row, length in zip(tokens, lengths, strict=True):
        row[:length] = [*rng.integers(3, vocabulary, length - 1), Vocabulary.END]
    return tokens


@pytest.fixture
def model():
    fn.random.seed(7)
    return Transformer(9, 6, 8, 2, 2, 2, 16).to("float64").eval()


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("norm_first", [False, True])
def test_model_is_torchs(tied, norm_first, rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    model = Transformer(11, 13, 8, 2, 2, 1, 16, 0.0, norm_first=norm_first, tied=tied).to("float64")
    peer = torch.nn.ModuleDict(
        {
            "transformer": torch.nn.Transformer(8, 2, 2, 1, 16, 0.0, batch_first=True, norm_first=norm_first),
            "source_embedding": torch.nn.Embedding(11, 8, padding_idx=0),
            "target_embedding": torch.nn.Embedding(13, 8, padding_idx=0),
            "output": torch.nn.Linear(8, 13),
        }
    ).double()
    if tied:
        peer["output"].weight = peer["target_embedding"].weight
    model.load_state_dict(peer.state_dict())
    assert (model.output.weight is model.target_embedding.weight) == tied

    source, target = tokens_of(rng, 11, (7, 4, 2)), tokens_of(rng, 13, (5, 6, 3))
    waves = torch.tensor(F.sinusoidal_positions(7, 8)).double()
    embedded = [
        peer[name](torch.tensor(tokens)) * math.sqrt(8) + waves[: tokens.shape[1]]
        for name, tokens in (("source_embedding", source), ("target_embedding", target))
    ]
    padding, later = torch.tensor(source == 0), torch.triu(torch.ones(6, 6, dtype=torch.bool), 1)
    features = peer["transformer"](
        *embedded, tgt_mask=later, src_key_padding_mask=padding, memory_key_padding_mask=padding
    )
    expected = peer["output"](features)
    dy = rng.standard_normal(expected.shape)
    (expected * torch.tensor(dy)).sum().backward()

    made, backward = model.vjp(source, target, input_gradient=False)
    np.testing.assert_allclose(made, expected.detach().numpy(), rtol=0, atol=2000 * EPS)
    _, grads = backward(dy)
    assert set(grads) == {name for name, _ in peer.named_parameters()}
    for name, parameter in peer.named_parameters():
        bound = 2000 * EPS * max(1.0, np.abs(parameter.grad.numpy()).max())
        np.testing.assert_allclose(grads[name], parameter.grad.numpy(), rtol=0, atol=bound, err_msg=name)


# ---- searching -------------------------------------------------------------------------------------------------------


def log_probabilities(model, source, target):
    """Of each token behind `target`, without a cache."""
    logits = model(source, np.array([[model.begin, *target]]))[0, -1]
    return logits - np.log(np.exp(logits).sum())


def test_greedy_with_the_cache_is_greedy_without(model, rng):
    source = tokens_of(rng, 9, (6, 3, 5, 1))
    made = model.generate(source, max_length=9)
    assert made.tokens.dtype == np.int64 and made.tokens.shape[1] <= 9
    for row, score, tokens in zip(source, made.scores, made.tokens, strict=True):
        alone = row[np.newaxis, row != 0]
        expected, total = [], 0.0
        while len(expected) < 9 and model.end not in expected:
            following = log_probabilities(model, alone, expected)
            expected.append(int(following.argmax()))
            total += following.max()
        assert tokens[: len(expected)].tolist() == expected and not tokens[len(expected) :].any()
        assert score == pytest.approx(total / ((5 + len(expected)) / 6) ** 0.6, rel=1e-9)


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 2.0])
def test_a_wide_beam_finds_the_best_of_all(length_penalty, model, rng):
    source = tokens_of(rng, 9, (4, 6))
    made = model.generate(source, 6**3, length_penalty, max_length=3)
    greedy = model.generate(source, 1, length_penalty, max_length=3)
    for row, tokens, score in zip(source, made.tokens, made.scores, strict=True):
        alone, best = row[np.newaxis, row != 0], (-math.inf, ())
        after = {t: log_probabilities(model, alone, t) for n in range(3) for t in itertools.product(range(6), repeat=n)}
        for target in itertools.chain.from_iterable(itertools.product(range(6), repeat=n) for n in (1, 2, 3)):
            ends = target.index(model.end) + 1 if model.end in target else 3
            if len(target) == ends:
                total = sum(after[target[:i]][token] for i, token in enumerate(target))
                best = max(best, (total / ((5 + ends) / 6) ** length_penalty, target))
        assert score == pytest.approx(best[0], rel=1e-9)
        assert tuple(tokens[: len(best[1])]) == best[1]
    assert (made.scores >= greedy.scores - 1e-12).all()


def test_sources_are_searched_each_by_itself(model, rng):
    source = tokens_of(rng, 9, (6, 2, 4))
    together = model.generate(source, 3, max_length=8)
    for row, tokens, score in zip(source, together.tokens, together.scores, strict=True):
        alone = model.generate(row[np.newaxis, row != 0], 3, max_length=8)
        width = alone.tokens.shape[1]
        np.testing.assert_array_equal(tokens[:width], alone.tokens[0])
        assert not tokens[width:].any() and score == pytest.approx(alone.scores[0], rel=1e-9)
    assert model.generate(np.zeros((0, 4), np.int64)).tokens.shape == (0, 0)


def test_generating_leaves_the_mode_alone(model):
    model.train()
    model.generate([[3, 2]], max_length=2)
    assert model.training
    assert not model.eval().generate([[3, 2]], max_length=2).tokens.size == 0 and not model.training


def test_half_precision_and_torchs_arrays(rng):
    fn.random.seed(2)
    model = Transformer(9, 6, 8, 2, 1, 1, 16).eval()
    source, target = tokens_of(rng, 9, (6, 3)), tokens_of(rng, 6, (4, 5))
    logits, made = model(source, target), model.generate(source, 2, max_length=6)
    half = model.to("bfloat16")(source, target)
    # some 20 operations on the way round to 8 bits, by half a last place, what the norms keep below 4
    assert half.dtype.name == "bfloat16" and np.abs(half.astype(np.float32) - logits).max() < 20 * 2**-9 * 4
    _, backward = model.train().vjp(source, target, input_gradient=False)
    assert {array.dtype.name for array in backward(np.ones_like(half))[1].values()} == {"bfloat16"}

    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    fn.random.seed(2)
    model = Transformer(9, 6, 8, 2, 1, 1, 16).eval().to("torch")
    same = model(torch.tensor(source), torch.tensor(target))
    np.testing.assert_array_equal(same.numpy(), logits)
    again = model.generate(torch.tensor(source), 2, max_length=6)
    np.testing.assert_array_equal(again.tokens, made.tokens)
    np.testing.assert_array_equal(again.scores, made.scores)


def test_cross_attention_is_over_what_is_no_padding(model, rng):
    source, target = tokens_of(rng, 9, (6, 3)), tokens_of(rng, 6, (4, 5))
    weights = model.cross_attention(source, target)
    assert [layer.shape for layer in weights] == [(2, 2, 5, 6)] * 2
    for layer in weights:
        np.testing.assert_allclose(layer.sum(-1), 1, rtol=0, atol=20 * EPS)
        assert not layer[1, :, :, 3:].any() and (layer[0] > 0).all()
    alone = model.cross_attention(source[1:, :3], target[1:])
    for layer, expected in zip(weights, alone, strict=True):
        np.testing.assert_allclose(layer[1:, :, :, :3], expected, rtol=0, atol=1000 * EPS)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda m: Transformer(0, 5), "source_vocabulary is 0"),
        (lambda m: Transformer(5, 2), "0, 1 and 2 but three different tokens of 2"),
        (lambda m: Transformer(5, 5, pad=1), "1, 1 and 2 but three different"),
        (lambda m: Transformer(5, 5, 8, 3), "num_heads 3"),
        (lambda m: m(np.array([3, 2]), np.array([[1]])), r"source has shape \(2,\)"),
        (lambda m: m(np.array([[3, 2]]), np.array([[1.0]])), "target is float64"),
        (lambda m: m([[3, 2]], np.array([[1]])), r"source is \[\[3, 2\]\] but an array"),
        (lambda m: m(np.array([[3, 2]]), np.array([[1], [1]])), "source has 1 sequences but target 2"),
        (lambda m: m(np.array([[3, 9]]), np.array([[1]])), "9"),
        (lambda m: m.generate([[3, 2]], 0), "num_beams is 0"),
        (lambda m: m.generate([[3, 2]], length_penalty=-1.0), "length_penalty is -1.0"),
        (lambda m: m.generate([[3, 2]], max_length=0), "max_length is 0"),
        (lambda m: m.generate([3, 2]), r"source has shape \(2,\)"),
        (lambda m: m.generate([["a"]]), "source is <U1"),
        (lambda m: m.translate("a"), "vocabularies of words"),
        (lambda m: Transformer(5, 5, 8, 2, 1, 1, 8, max_length=3)(np.full((1, 4), 3), np.full((1, 1), 1)), "4.*3"),
    ],
)
def test_wrong_arguments(call, message, model):
    with pytest.raises((ValueError, TypeError), match=message):
        call(model)


def test_text_is_translated_word_by_word():
    words = Vocabulary.of(["a b c d"])
    fn.random.seed(1)
    model = Transformer(words, words, 16, 2, 1, 1, 32, 0.0)
    optimizer, losses = fn.optim.Adam(model, 1e-2), []
    pairs = [(" ".join(p), " ".join(reversed(p))) for p in itertools.permutations("abcd", 3)]
    source = words.encode_batch([text for text, _ in pairs])
    target = words.encode_batch([text for _, text in pairs], begin=True)
    for _ in range(120):
        logits, backward = model.vjp(source, target[:, :-1], input_gradient=False)
        loss, dlogits = fn.value_and_grad(F.cross_entropy, logits.reshape(-1, len(words)), target[:, 1:].reshape(-1))
        optimizer.step(backward(dlogits.reshape(logits.shape))[1])
        losses.append(float(loss))
    assert losses[-1] < 0.1 < 1 < losses[0]
    assert model.translate("b d a").lower() == "a d b"
    assert [text.lower() for text in model.translate(["c a d", "a b c"], num_beams=2)] == ["d a c", "c b a"]
    with pytest.raises(ValueError, match="'x'"):
        model.translate("a x")


# ---- the demo --------------------------------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch):
    """The demo's sizes as a test can wait for them."""
    monkeypatch.setattr(translate, "PAIRS", 300)
    monkeypatch.setattr(translate, "STEPS", 10)
    monkeypatch.setattr(translate, "CHECKED", 10)
    monkeypatch.setattr(translate, "TESTED", 20)
    monkeypatch.setattr(translate, "LONGEST", 12)
    monkeypatch.setitem(translate.SIZES, "d_model", 32)
    monkeypatch.setattr(peer, "SECONDS", 0.0)


def test_the_demo_trains_translates_saves_and_loads(small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo", "translate", "--epochs", "3", "--sentence", "hello, Ana!", "--json", "result.json"]) == 0
    out = capsys.readouterr().out
    assert "held-out sentences" in out and "hello, Ana!" in out and "sentences a second" in out and "> " not in out
    result = json.loads((tmp_path / "result.json").read_text())
    assert 0 <= result["exact_match"] <= 1 and result["training"]["losses"][-1] < result["training"]["losses"][0]
    assert list(result["translations"]) == ["hello, Ana!"]
    assert all((tmp_path / "fastnets-demo" / path).is_file() for path in result["files"])
    pictures = [path for path in result["files"] if path.endswith(".png")]
    assert not pictures or (tmp_path / pictures[0]).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    if any(path.endswith(".safetensors") for path in result["files"]):
        loaded = translate.load(result["files"][0])
        made = loaded.translate("hello, Ana!", translate.BEAMS, max_length=translate.LONGEST)
        assert made == result["translations"]["hello, Ana!"]


@pytest.mark.parametrize(
    "text, message", [("I like fastnets.", "'fastnets'"), ("I see a libary", "library"), (" ", "empty")]
)
def test_what_it_never_learned_is_said(text, message, small, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["demo", "translate", "--sentence", text, "--output", str(tmp_path / "out"), "--epochs", "30"])
    assert stopped.value.code == 2 and message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_typed_is_translated(monkeypatch, capsys):
    words = Vocabulary.of(["hello a b", "it knows what"])
    typed = iter(["hello", "hallo", ""])
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))
    translate.converse(Transformer(words, words, 8, 2, 1, 1, 8).eval())
    assert "never learned 'hallo'" in capsys.readouterr().out


def test_control_c_keeps_the_best_weights(small, monkeypatch):
    corpus = translate.Corpus.make(0, 1)
    model, seen, checked = translate.network(corpus.english, corpus.spanish), [], []

    def exact_match(model, pairs):
        checked.append({name: array.copy() for name, array in model.state_dict().items()})
        return (0.25, 0.5, 0.125)[len(checked) - 1]

    def advance(status):
        seen.append(status)
        if len(seen) == 17:
            raise KeyboardInterrupt

    monkeypatch.setattr(translate, "exact_match", exact_match)
    training = translate.train(model, corpus, 4, 0, advance)
    assert training.stopped and training.exact_matches == [0.25, 0.5, 0.125] and "50.0% of" in seen[-1]
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, checked[1][name])
