"""A recurrent net learns English, character by character, from the help texts that come with Python or from a file."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import fastnets as fn
import fastnets.functional as F
from fastnets import arrays, optim
from fastnets.models import LSTMLanguageModel

from .. import console
from . import curves, ending, peer

__all__ = ["HELP", "Text", "Training", "add_arguments", "load", "network", "next_words", "run", "train"]

HELP = "a recurrent net learns English, character by character (under 90 s)"
Array = np.ndarray[Any, Any]

STREAMS, STEPS = 32, 64  # a training step reads this many places of the text at once, for so many characters
EPOCHS = 4
LEARNING_RATE, WARMUP_STEPS, MAX_NORM = 4e-3, 50, 1.0
SIZES: dict[str, Any] = {"embedding_dim": 64, "hidden_size": 256, "dropout": 0.1}
EVALUATIONS = 2  # an epoch
PROMPT, SAMPLE, WORDS = "The ", 300, 5

LOADING = """\
import fastnets as fn
from fastnets.cli.demo import language

model = language.load({path!r})
print(model.generate("The ", temperature=0.7, top_k=20, seed=0))

for word, probability in language.next_words(model, "the name of the "):
    print(f"{{probability:6.1%}}  {{word}}")"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to read and what to learn it with."""
    parser.add_argument("--text", metavar="FILE", help="language: learn this text (default: Python's help topics)")
    parser.add_argument(
        "--cell", choices=("lstm", "gru", "rnn"), default="lstm", help="language: the recurrent layer (%(default)s)"
    )


@dataclass(frozen=True)
class Text:
    """A text as tokens, its last tenth held out."""

    characters: str
    tokens: Array
    held_out: Array

    @classmethod
    def of(cls, text: str) -> Text:
        if len(text) < 20 * STREAMS * STEPS:
            raise ValueError(
                f"the text has {len(text):,} characters but at least {20 * STREAMS * STEPS:,} are expected"
            )
        characters = "".join(sorted(set(text)))
        places = np.zeros(ord(max(characters)) + 1, np.int64)
        places[[ord(c) for c in characters]] = np.arange(len(characters))
        tokens = places[np.frombuffer(text.encode("utf-32-le"), np.uint32)]
        first = len(tokens) * 9 // 10
        return cls(characters, tokens[:first], tokens[first:])

    @classmethod
    def read(cls, path: str | None) -> Text:
        if path is not None:
            return cls.of(Path(path).read_text(encoding="utf-8"))
        from pydoc_data.topics import topics

        return cls.of("\n\n".join(topics[name] for name in sorted(topics)))


@dataclass
class Training:
    """What became of a training: bits a character on the held-out text, by how many characters had been read."""

    cell: str
    characters: list[int] = field(default_factory=list)
    held_out_bits: list[float] = field(default_factory=list)
    characters_per_second: float = 0.0
    stopped: bool = False


def network(characters: str, cell: str) -> LSTMLanguageModel:
    """One recurrent layer of 256 units over vectors of 64 for each character."""
    return LSTMLanguageModel(characters, cell=cell, **SIZES)


def streams(tokens: Array, count: int) -> Array:
    """The text cut into `count` parts that are read side by side: (count, length)."""
    length = len(tokens) // count
    return tokens[: count * length].reshape(count, length)


def train(model: LSTMLanguageModel, text: Text, epochs: int, advance: console.Advance) -> Training:
    """Train in place; at the end, or at Ctrl-C, the model has the weights that were best on the held-out text."""
    training = Training(model.cell)
    rows = streams(text.tokens, STREAMS)
    chunks = range(0, rows.shape[1] - 1, STEPS)
    steps = epochs * len(chunks)
    optimizer = optim.AdamW(model, LEARNING_RATE, groups=optim.decay_groups(model))
    best, weights, seconds, seen, loss = math.inf, _copied(model), 0.0, 0, math.nan
    weight = next(model.parameters())
    every = max(1, len(chunks) // EVALUATIONS)
    try:
        for step in range(steps):
            at = step % len(chunks) * STEPS
            if at == 0:
                state = None
            start = time.perf_counter()
            optimizer.lr = LEARNING_RATE * optim.warmup(step, WARMUP_STEPS) * optim.cosine(step, steps)
            chunk = arrays.from_numpy(rows[:, at : at + STEPS + 1], weight)
            loss, state = _step(model, optimizer, chunk, state)
            seconds += time.perf_counter() - start
            seen += STREAMS * (chunk.shape[1] - 1)
            training.characters_per_second = seen / seconds
            if (step + 1) % every == 0 or step + 1 == steps:
                training.characters.append(seen)
                training.held_out_bits.append(bits(model, text.held_out))
                if training.held_out_bits[-1] < best:
                    best, weights = training.held_out_bits[-1], _copied(model)
            advance(
                f"loss {loss:.3f}  {best:.3f} bits per character held out  "
                f"{training.characters_per_second:,.0f} characters/s"
            )
    except KeyboardInterrupt:
        training.stopped = True
    model.load_state_dict(weights)
    return training


def _step(model: LSTMLanguageModel, optimizer: optim.Optimizer, chunk: Array, state: Any) -> tuple[float, Any]:
    """One update from a piece of the text; the state goes on, gradients do not."""
    (logits, state), backward = model.vjp(chunk[:, :-1], state, input_gradient=False)
    loss, dlogits = fn.value_and_grad(F.cross_entropy, logits.reshape(-1, logits.shape[-1]), chunk[:, 1:].reshape(-1))
    _, grads = backward((dlogits.reshape(logits.shape), None))
    grads, _ = optim.clip_grad_norm(grads, MAX_NORM)
    optimizer.step(grads)
    return float(loss), state


def _copied(model: LSTMLanguageModel) -> dict[str, Array]:
    return {name: np.array(arrays.to_numpy(array)) for name, array in model.state_dict().items()}


def bits(model: LSTMLanguageModel, tokens: Array) -> float:
    """Bits a character: the cross entropy to base 2 of a text, read in `STREAMS` streams."""
    rows, state, total = streams(tokens, STREAMS), None, 0.0
    weight = next(model.parameters())
    model.eval()
    for at in range(0, rows.shape[1] - 1, 4 * STEPS):
        chunk = arrays.from_numpy(rows[:, at : at + 4 * STEPS + 1], weight)
        logits, state = model(chunk[:, :-1], state)
        logits, target = logits.reshape(-1, logits.shape[-1]), chunk[:, 1:].reshape(-1)
        total += float(F.cross_entropy(logits, target, reduction="sum"))
    model.train()
    return total / math.log(2) / rows[:, 1:].size


def next_words(model: LSTMLanguageModel, prompt: str, count: int = WORDS) -> list[tuple[str, float]]:
    """The likeliest words behind a prompt and their probabilities, found by beam search over characters.

    A word ends before the first character that is no letter, whose probability counts too.
    """
    assert model.characters is not None
    is_letter = np.array([character.isalpha() for character in model.characters])
    weight = next(model.parameters())
    model.eval()
    logits, state = model(arrays.from_numpy(model.encode(prompt)[np.newaxis], weight))
    beams, scores, words = [""], np.zeros(1), []
    for _ in range(16):
        scores = scores[:, np.newaxis] + _log_softmax(arrays.to_numpy(logits[:, -1]))
        words += [(beam, total) for beam, total in zip(beams, _log_sum(scores[:, ~is_letter]), strict=True) if beam]
        letters = np.where(is_letter, scores, -np.inf).reshape(-1)
        places = np.argsort(-letters)[: 8 * count]
        places = places[letters[places] > -20]
        if not len(places):
            break
        parents, tokens = np.divmod(places, len(model.characters))
        beams = [beams[p] + model.characters[t] for p, t in zip(parents, tokens, strict=True)]
        scores = letters[places]
        logits, state = model(arrays.from_numpy(tokens[:, np.newaxis], weight), _chosen(state, parents))
    words.sort(key=lambda entry: -entry[1])
    return [(word, math.exp(score)) for word, score in words[:count]]


def _chosen(state: Any, parents: Array) -> Any:
    """The states, (layers, batch, units) each, of some members of the batch."""
    parents = arrays.from_numpy(parents, state[0])
    return tuple(map(lambda s: s[:, parents], state)) if isinstance(state, tuple) else state[:, parents]


def _log_softmax(logits: Array) -> Array:
    logits = logits.astype(np.float64)
    return logits - _log_sum(logits)[:, np.newaxis]


def _log_sum(values: Array) -> Array:
    largest = values.max(axis=1)
    total: Array = largest + np.log(np.exp(values - largest[:, np.newaxis]).sum(axis=1))
    return total


def load(path: str | Path) -> LSTMLanguageModel:
    """The model that the demo saved: weights in a safetensors file, characters and cell in a JSON file beside it."""
    path = Path(path)
    settings = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    model = network(settings["vocabulary"], settings["training"]["cell"])
    model.load_state_dict(fn.io.load_safetensors(path))
    return model.eval()


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train, test, write some text, save; returns what `--json` writes."""
    started, epochs = time.perf_counter(), arguments.epochs or EPOCHS
    try:
        text = Text.read(arguments.text)
    except ValueError as error:  # too short, or not UTF-8
        print(f"fastnets demo: {arguments.text}: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    folder = Path(arguments.output).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    fn.random.seed(arguments.seed)
    model = network(text.characters, arguments.cell).to(arguments.device)
    print(
        f"language: {len(text.tokens):,} characters to learn from, {len(text.held_out):,} held out, "
        f"{len(text.characters)} different ones; {arguments.cell.upper()} of "
        f"{sum(parameter.size for parameter in model.parameters()):,} parameters"
    )
    chunks = len(range(0, len(text.tokens) // STREAMS - 1, STEPS))
    with console.progress("training", epochs * chunks) as advance:
        training = train(model, text, epochs, advance)
    if training.stopped:
        print("stopped; the best weights so far are kept")

    held_out = bits(model, text.held_out)
    prompt = "".join(c for c in PROMPT if c in text.characters) or text.characters[-1]
    sample = model.generate(prompt, 0.7, top_k=20, seed=arguments.seed, length=SAMPLE)
    behind = model.decode(text.held_out[:200]).rpartition(" ")[0] + " "
    print(f"\ntest: {held_out:.3f} bits per character on the held-out text\n\nit writes:\n\n{prompt}{sample}")
    print(f"\nbehind {behind[-40:]!r} it expects:")
    for word, probability in next_words(model, behind):
        print(f"  {probability:6.1%}  {word}")

    result: dict[str, Any] = {
        "held_out_bits": held_out,
        "vocabulary": text.characters,
        "epochs": epochs,
        "seed": arguments.seed,
        "sample": sample,
        "training": asdict(training),
        "torch_characters_per_second": peer.characters_per_second(
            arguments.cell, streams(text.tokens, STREAMS), len(text.characters), STEPS, SIZES
        ),
    }
    result["files"] = [str(path) for path in _write(folder, model, result)]
    result["seconds"] = time.perf_counter() - started
    left_out = dict(rich="no progress bar", matplotlib="no picture of the learning curves")
    ending.show(
        result,
        "characters",
        result["training"]["characters_per_second"],
        result["torch_characters_per_second"],
        LOADING,
        **left_out,
    )
    return result


def _write(folder: Path, model: LSTMLanguageModel, result: dict[str, Any]) -> list[Path]:
    """Save settings, model, and the curves of all cells trained so far, as far as the packages are installed."""
    settings = folder / f"language-{model.cell}.json"
    settings.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    written = []
    if find_spec("safetensors"):
        written.append(settings.with_suffix(".safetensors"))
        fn.io.save_safetensors(model.state_dict(), written[-1])
    written.append(settings)
    if find_spec("matplotlib"):
        written.append(folder / "language.png")
        results = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("language-*.json"))]
        curves.draw_bits(written[-1], [each["training"] for each in results])
    return written
