"""A Transformer learns to translate from English to Spanish, from sentences that a small grammar makes."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import fastnets as fn
import fastnets.functional as F
from fastnets import arrays, optim
from fastnets.data import Vocabulary
from fastnets.data.translation.greetings import PHRASES
from fastnets.models import Transformer

from .. import console
from . import attention_map, ending, peer

__all__ = ["HELP", "Corpus", "Training", "add_arguments", "exact_match", "load", "network", "run", "train"]

HELP = "a Transformer learns to translate English to Spanish (under 3 min)"
Array = np.ndarray[Any, Any]

PAIRS, CHECKED, TESTED = 40_000, 200, 600  # sentences to learn from; held-out ones to watch by, and for the test
SAID = 16  # so often each everyday phrase, beside sentences that are all different
EPOCHS, STEPS, BATCH = 40, 80, 32  # an epoch is so many steps
LEARNING_RATE, WARMUP_STEPS, MAX_NORM, SMOOTHING = 2e-3, 200, 1.0, 0.1
SIZES: dict[str, Any] = {
    "d_model": 128,
    "nhead": 4,
    "num_encoder_layers": 2,
    "num_decoder_layers": 2,
    "dim_feedforward": 256,
    "dropout": 0.0,  # the sentences are many, and most come about twice
}
EVALUATIONS = 8
BEAMS, LONGEST = 4, 24
SENTENCES = ("Hello, how are you?", "The good girl does not drink cold water.", "Twenty-one thousand five hundred one.")

LOADING = """\
import fastnets as fn
from fastnets.cli.demo import translate

model = translate.load({path!r})
print(model.translate("Hello, how are you?"))
print(model.translate(["I like the red shirts.", "We have two cats."], num_beams=4))

source = model.source_words.encode_batch(["She reads a book."])
print(model.generate(source).scores)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to translate."""
    parser.add_argument("--sentence", metavar="TEXT", help="translate: say this in Spanish, and ask for nothing")


@dataclass(frozen=True)
class Corpus:
    """Pairs of sentences to learn from and pairs held out, and the words of both languages."""

    pairs: list[tuple[str, str]]
    checked: list[tuple[str, str]]
    tested: list[tuple[str, str]]
    english: Vocabulary
    spanish: Vocabulary

    @classmethod
    def make(cls, seed: int, epochs: int) -> Corpus:
        """As many pairs as so many epochs read, up to `PAIRS`, and everyday phrases."""
        pairs = fn.data.make_translations(min(PAIRS, epochs * STEPS * BATCH), seed)
        held_out = fn.data.make_translations(CHECKED + TESTED, seed, held_out=True)
        pairs += SAID * PHRASES
        english, spanish = (Vocabulary.of(pair[side] for pair in pairs + held_out) for side in (0, 1))
        return cls(pairs, held_out[:CHECKED], held_out[CHECKED:], english, spanish)

    def batches(self, generator: np.random.Generator) -> Iterator[tuple[Array, Array]]:
        """Tokens (N, S) and (N, T), sentences of about one length together: through the pairs again and again."""
        lengths = np.array([len(spanish) for _, spanish in self.pairs])
        while True:
            order = generator.permutation(len(self.pairs))
            for part in np.array_split(order, -(-len(order) // (60 * BATCH))):
                alike = part[np.argsort(lengths[part], kind="stable")]
                batches = np.array_split(alike, -(-len(alike) // BATCH))
                for i in generator.permutation(len(batches)):
                    chosen = [self.pairs[j] for j in batches[i]]
                    yield (
                        self.english.encode_batch([english for english, _ in chosen]),
                        self.spanish.encode_batch([spanish for _, spanish in chosen], begin=True),
                    )


@dataclass
class Training:
    """What became of a training: mean loss and held-out exact matches at each evaluation, and the steps' speed."""

    losses: list[float] = field(default_factory=list)
    exact_matches: list[float] = field(default_factory=list)
    sentences_per_second: float = 0.0
    stopped: bool = False


def network(english: Vocabulary, spanish: Vocabulary) -> Transformer:
    """Two layers that read and two that write, 128 wide."""
    return Transformer(english, spanish, **SIZES)


def train(model: Transformer, corpus: Corpus, epochs: int, seed: int, advance: console.Advance) -> Training:
    """Train in place; at the end, or at Ctrl-C, the model has the weights that were best on held-out sentences."""
    training, generator = Training(), np.random.default_rng(seed)
    optimizer = optim.AdamW(model, LEARNING_RATE, groups=optim.decay_groups(model))
    steps = epochs * STEPS
    every = -(-steps // EVALUATIONS)
    best, weights, seconds, seen = -1.0, _copied(model), 0.0, 0
    weight = next(model.parameters())
    losses: list[float] = []
    try:
        for step, (source, target) in enumerate(islice(corpus.batches(generator), steps)):
            start = time.perf_counter()
            optimizer.lr = LEARNING_RATE * optim.warmup(step, WARMUP_STEPS) * optim.cosine(step, steps)
            losses.append(_step(model, optimizer, *(arrays.from_numpy(tokens, weight) for tokens in (source, target))))
            seconds += time.perf_counter() - start
            seen += len(source)
            training.sentences_per_second = seen / seconds
            if (step + 1) % every == 0 or step + 1 == steps:
                training.losses.append(float(np.mean(losses)))
                training.exact_matches.append(exact_match(model, corpus.checked))
                losses.clear()
                if training.exact_matches[-1] >= best:
                    best, weights = training.exact_matches[-1], _copied(model)
            advance(
                f"loss {losses[-1] if losses else training.losses[-1]:.3f}  "
                f"{max(best, 0):.1%} of held-out sentences right  {training.sentences_per_second:,.0f} sentences/s"
            )
    except KeyboardInterrupt:
        training.stopped = True
    model.load_state_dict(weights)
    return training


def _step(model: Transformer, optimizer: optim.Optimizer, source: Array, target: Array) -> float:
    """One update: at each place of the target the word behind it is to be told."""
    logits, backward = model.vjp(source, target[:, :-1], input_gradient=False)
    loss, dlogits = fn.value_and_grad(
        F.cross_entropy,
        logits.reshape(-1, logits.shape[-1]),
        target[:, 1:].reshape(-1),
        ignore_index=model.pad,
        label_smoothing=SMOOTHING,
    )
    _, grads = backward(dlogits.reshape(logits.shape))
    grads, _ = optim.clip_grad_norm(grads, MAX_NORM)
    optimizer.step(grads)
    return float(loss)


def _copied(model: Transformer) -> dict[str, Array]:
    return {name: np.array(arrays.to_numpy(array)) for name, array in model.state_dict().items()}


def exact_match(model: Transformer, pairs: list[tuple[str, str]]) -> float:
    """The share of sentences whose translation is right to the last mark."""
    made = model.translate([english for english, _ in pairs], max_length=LONGEST)
    return sum(text == spanish for text, (_, spanish) in zip(made, pairs, strict=True)) / len(pairs)


def load(path: str | Path) -> Transformer:
    """The model that the demo saved: weights in a safetensors file, words in a JSON file beside it."""
    path = Path(path)
    words = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["words"]
    model = network(Vocabulary(words["english"]), Vocabulary(words["spanish"]))
    model.load_state_dict(fn.io.load_safetensors(path))
    return model.eval()


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train, test, translate, save; returns what `--json` writes."""
    started, epochs = time.perf_counter(), arguments.epochs or EPOCHS
    sentences = SENTENCES if arguments.sentence is None else (arguments.sentence,)
    corpus = Corpus.make(arguments.seed, epochs)
    problem = None if arguments.sentence is None else _problem(corpus.english, arguments.sentence)
    if problem:
        print(f"fastnets demo: {problem}", file=sys.stderr)
        raise SystemExit(2)
    folder = Path(arguments.output).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    fn.random.seed(arguments.seed)
    model = network(corpus.english, corpus.spanish).to(arguments.device)
    print(
        f"translate: {len(corpus.pairs):,} sentences to learn from, {len(corpus.checked) + len(corpus.tested):,} held "
        f"out; {len(corpus.english):,} English words, {len(corpus.spanish):,} Spanish ones; a Transformer of "
        f"{sum(parameter.size for parameter in model.parameters()):,} parameters"
    )
    with console.progress("training", epochs * STEPS) as advance:
        training = train(model, corpus, epochs, arguments.seed, advance)
    if training.stopped:
        print("stopped; the best weights so far are kept")
    model.eval()
    accuracy = exact_match(model, corpus.tested)
    print(
        f"\ntest: {accuracy:.1%} of {len(corpus.tested):,} held-out sentences translated to the last mark; each has a "
        "combination of words, or a number, that it has not seen\n"
    )
    translations = {english: model.translate(english, BEAMS, max_length=LONGEST) for english in sentences}
    for english, spanish in translations.items():
        print(f"  {english}\n    {spanish}")

    result: dict[str, Any] = {
        "exact_match": accuracy,
        "tested": len(corpus.tested),
        "epochs": epochs,
        "seed": arguments.seed,
        "translations": translations,
        "words": {"english": corpus.english.words[3:], "spanish": corpus.spanish.words[3:]},
        "training": asdict(training),
        "torch_sentences_per_second": peer.sentences_per_second(
            list(islice(corpus.batches(np.random.default_rng(arguments.seed)), 50)),
            (len(corpus.english), len(corpus.spanish)),
            SIZES,
        ),
    }
    result["files"] = [str(path) for path in _write(folder, model, sentences[-1 if len(sentences) == 1 else 1], result)]
    result["seconds"] = time.perf_counter() - started
    left_out = dict(rich="no progress bar", matplotlib="no picture of the attention")
    ending.show(
        result,
        "sentences",
        result["training"]["sentences_per_second"],
        result["torch_sentences_per_second"],
        LOADING,
        **left_out,
    )
    if arguments.sentence is None and arguments.name != "all" and sys.stdin.isatty() and sys.stdout.isatty():
        converse(model)
    return result


def converse(model: Transformer) -> None:
    """Translate what is typed, until there is nothing or Ctrl-C."""
    print("\nEnglish, and return (nothing to end):")
    try:
        while text := input("> ").strip():
            assert model.source_words is not None
            problem = _problem(model.source_words, text)
            print(f"  {problem or model.translate(text, BEAMS, max_length=LONGEST)}")
    except (EOFError, KeyboardInterrupt):
        print()


def _problem(words: Vocabulary, text: str) -> str | None:
    """What to say of a text that is empty or has words that are not known."""
    if not text.strip():
        return "the sentence is empty"
    unknown = words.unknown(text)
    if not unknown:
        return None
    close = dict.fromkeys(
        near for word in unknown for near in difflib.get_close_matches(word.lower(), words.words[3:], 3)
    )
    hint = f"; near them: {', '.join(close)}" if close else ""
    return f"it never learned {', '.join(map(repr, unknown))}; it knows {len(words):,} words{hint}"


def _write(folder: Path, model: Transformer, sentence: str, result: dict[str, Any]) -> list[Path]:
    """Save settings, model, and where it looks while it translates, as far as the packages are installed."""
    settings = folder / "translate.json"
    settings.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    written = []
    if find_spec("safetensors"):
        written.append(settings.with_suffix(".safetensors"))
        fn.io.save_safetensors(model.state_dict(), written[-1])
    written.append(settings)
    if find_spec("matplotlib"):
        assert model.source_words is not None and model.target_words is not None
        written.append(folder / "translate.png")
        source = model.source_words.encode_batch([sentence])
        made = model.generate(source, max_length=LONGEST).tokens
        target = np.concatenate([[[model.begin]], made[:, :-1]], axis=1)
        seen = model.cross_attention(*(arrays.from_numpy(a, next(model.parameters())) for a in (source, target)))
        attention_map.draw(
            written[-1],
            "Where the Transformer looks, writing Spanish",
            [model.source_words.words[token] for token in source[0]],
            [model.target_words.words[token] for token in made[0]],
            [arrays.to_numpy(weights[0]).mean(0) for weights in seen],
        )
    return written
