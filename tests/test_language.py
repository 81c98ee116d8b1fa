"""The language model: against PyTorch, its sampling, and the demo that trains it."""

import itertools
import json
import math

import numpy as np
import pytest

import fastnets as fn
from fastnets import cli
from fastnets.cli.demo import language
from fastnets.models import LSTMLanguageModel

EPS = np.finfo(np.float64).eps


@pytest.fixture
def model():
    fn.random.seed(3)
    return LSTMLanguageModel("ab c", embedding_dim=5, hidden_size=7, num_layers=2)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("tied", [False, True])
def test_model_is_torchs(cell, tied, rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    width = 7 if tied else 5
    model = LSTMLanguageModel(11, width, 7, 2, cell, tied=tied).to("float64")
    net = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[cell](
        width, 7, 2, batch_first=True
    ).double()
    embedding, decoder = torch.nn.Embedding(11, width).double(), torch.nn.Linear(7, 11).double()
    if tied:
        decoder.weight = embedding.weight
    peer = torch.nn.ModuleDict({"embedding": embedding, "rnn": net, "decoder": decoder})
    model.load_state_dict(peer.state_dict())
    assert (model.decoder.weight is model.embedding.weight) == tied

    tokens = rng.integers(0, 11, (3, 9))
    hidden, state = net(embedding(torch.tensor(tokens[:, :4])))
    first = decoder(hidden)
    hidden, state = net(embedding(torch.tensor(tokens[:, 4:])), state)
    second = decoder(hidden)
    dy = rng.standard_normal((3, 5, 11))

    made, carried = model(tokens[:, :4])
    np.testing.assert_allclose(made, first.detach().numpy(), rtol=0, atol=1000 * EPS)
    (made, _), backward = model.vjp(tokens[:, 4:], carried)
    np.testing.assert_allclose(made, second.detach().numpy(), rtol=0, atol=1000 * EPS)
    _, grads = backward((dy, None))
    start = tuple(s.detach() for s in net(embedding(torch.tensor(tokens[:, :4])))[1]) if cell == "lstm" else None
    start = net(embedding(torch.tensor(tokens[:, :4])))[1].detach() if start is None else start
    (decoder(net(embedding(torch.tensor(tokens[:, 4:])), start)[0]) * torch.tensor(dy)).sum().backward()
    assert set(grads) == {name for name, _ in peer.named_parameters()}
    for name, parameter in peer.named_parameters():
        expected = parameter.grad.numpy()
        bound = 1000 * EPS * max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(grads[name], expected, rtol=0, atol=bound, err_msg=name)


def test_generate_is_repeatable_and_keeps_the_state(model):
    assert model.generate("ab", seed=1, length=40) == model.generate("ab", seed=1, length=40)
    assert model.generate("ab", seed=1, length=40) != model.generate("ab", seed=2, length=40)
    likeliest = model.generate("ab", temperature=0, length=12)
    assert model.generate("ab", top_k=1, seed=5, length=12) == likeliest
    text = "ab"
    for character in likeliest:  # from the start each time
        logits, _ = model(model.encode(text)[None])
        assert model.characters[logits[0, -1].argmax()] == character
        text += character
    tokens = model.generate([0, 1], temperature=0, length=12)
    assert tokens.dtype == np.int64 and model.decode(tokens) == likeliest
    assert model.training


def test_draws_follow_the_softmax(model):
    logits, _ = model.eval()(model.encode("c")[None])
    p = np.exp(logits[0, -1].astype(np.float64) / 0.5)
    p /= p.sum()
    drawn = "".join(model.generate("c", 0.5, seed=i, length=1) for i in range(2000))
    for character, expected in zip(model.characters, p, strict=True):
        deviation = math.sqrt(expected * (1 - expected) / len(drawn))
        assert abs(drawn.count(character) / len(drawn) - expected) < 5 * deviation


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: LSTMLanguageModel("aba"), "'a' more than once"),
        (lambda: LSTMLanguageModel(0), "0"),
        (lambda: LSTMLanguageModel(5, cell="lstn"), "lstn.*gru"),
        (lambda: LSTMLanguageModel(5, 4, 6, tied=True), "4 and hidden_size 6"),
        (lambda: LSTMLanguageModel(5).encode("a"), "number"),
        (lambda: LSTMLanguageModel("ab").encode("abc"), "'c'"),
        (lambda: LSTMLanguageModel("ab").generate(""), r"\(0,\)"),
        (lambda: LSTMLanguageModel("ab").generate("a", -1.0), "-1"),
        (lambda: LSTMLanguageModel("ab").generate("a", math.nan), "nan"),
        (lambda: LSTMLanguageModel("ab").generate("a", top_k=0), "0"),
        (lambda: LSTMLanguageModel("ab").generate("a", length=0), "0"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_next_words_are_the_likeliest_of_all(model):
    model.eval()

    def probability(word):
        """Of the word, and then of a character that is no letter."""
        total, text = 1.0, "a "
        for character in word + " ":
            logits, _ = model(model.encode(text)[None])
            p = np.exp(logits[0, -1].astype(np.float64))
            total *= (p / p.sum())[model.characters.index(character)]
            text += character
        return total

    every = ["".join(w) for n in (1, 2, 3) for w in itertools.product("abc", repeat=n)]
    expected = sorted(((word, probability(word)) for word in every), key=lambda entry: -entry[1])[:4]
    found = language.next_words(model, "a ", 4)
    assert [word for word, _ in found] == [word for word, _ in expected]
    np.testing.assert_allclose([p for _, p in found], [p for _, p in expected], rtol=1e-5)


# ---- the demo --------------------------------------------------------------------------------------------------------

TEXT = "the cat sat on the mat and the dog sat on the cat. " * 900


def test_demo_learns_saves_and_loads(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT)
    arguments = ["demo", "language", "--text", "text.txt", "--epochs", "2", "--cell", "gru", "--json", "result.json"]
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out
    assert "test:" in out and "bits per character" in out and "it writes" in out and "characters a second" in out
    result = json.loads((tmp_path / "result.json").read_text())
    assert 0 < result["held_out_bits"] < 1.0  # drawn evenly, 4.1
    assert all((tmp_path / "fastnets-demo" / path).is_file() for path in result["files"])
    if any(path.endswith(".safetensors") for path in result["files"]):
        loaded = language.load(result["files"][0])
        assert loaded.generate("The "[1:], 0.7, top_k=20, seed=0) and loaded.cell == "gru"
        held_out = language.Text.of(TEXT).held_out
        assert language.bits(loaded, held_out) == pytest.approx(result["held_out_bits"], rel=1e-6)


def test_tensors_train_and_write_as_arrays_do():
    pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    text, found = language.Text.of(TEXT), []
    for place in ("cpu", "torch"):
        fn.random.seed(1)
        model = language.network(text.characters, "rnn").to(place)
        training = language.train(model, text, 1, lambda status: None)
        found.append(
            (training.held_out_bits, model.generate("he ", seed=3, length=20), language.next_words(model, "he "))
        )
    assert found[0] == found[1]


def test_control_c_keeps_the_best_weights():
    text = language.Text.of(TEXT)
    model = language.network(text.characters, "rnn")
    seen = []

    def advance(status):
        seen.append(status)
        if len(seen) == 25:
            raise KeyboardInterrupt

    training = language.train(model, text, 4, advance)
    assert training.stopped and training.held_out_bits
    assert language.bits(model, text.held_out) == pytest.approx(min(training.held_out_bits), rel=1e-6)


@pytest.mark.parametrize("content, message", [(b"short", "5 characters"), (b"\xff" * 99, "utf-8")])
def test_a_text_that_is_none_is_refused(content, message, tmp_path, capsys):
    (tmp_path / "text").write_bytes(content)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["demo", "language", "--text", str(tmp_path / "text"), "--output", str(tmp_path / "out")])
    assert stopped.value.code == 2 and message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
