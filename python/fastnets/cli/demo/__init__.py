"""``fastnets demo``: the networks at work on real data."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from typing import Any

from fastnets import backends

from .. import report
from . import digits, language, search, translate

__all__ = ["HELP", "add_arguments", "run"]

HELP = "see a network at work on real data"

_DEMOS = {"digits": digits, "language": language, "translate": translate, "search": search}
_PLANNED = ("classify",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which demo, where its files go, and how long it trains."""
    parser.add_argument(
        "name",
        nargs="?",
        choices=[*_DEMOS, *_PLANNED, "all"],
        help="which one; digits by default",
        metavar=f"{{{','.join(_DEMOS)},all}}",
    )
    parser.add_argument("--output", metavar="FOLDER", default="fastnets-demo", help="where files go (./fastnets-demo)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all that is random (0)")
    parser.add_argument("--epochs", type=_positive, help="how often the training goes through the data")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where it trains (%(default)s)")
    language.add_arguments(parser)
    translate.add_arguments(parser)
    search.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the demos asked for."""
    if arguments.name in _PLANNED:
        print(f"fastnets demo: {arguments.name} is not there yet; there is: {', '.join(_DEMOS)}", file=sys.stderr)
        return 2
    if not report.writable(arguments.json):
        return 2
    if arguments.query is not None and arguments.name != "search":
        print(f"fastnets demo: {arguments.name} takes no {arguments.query!r}; search takes a query", file=sys.stderr)
        return 2
    if arguments.device == "cuda" and (problem := _what_is_missing()):
        print(f"fastnets demo: --device cuda: {problem}", file=sys.stderr)
        return 2
    names = list(_DEMOS) if arguments.name == "all" else [arguments.name or "digits"]
    if arguments.name == "all" and (lacking := search.what_lacks(arguments)):
        print(f"left out: {lacking}\n")
        names.remove("search")
    results: dict[str, Any] = {name: _DEMOS[name].run(arguments) for name in names}
    report.write_json(arguments.json, results if arguments.name == "all" else results[names[0]])
    if arguments.name in (None, "all"):
        print(f"\n{_menu()}")
    return 0


def _what_is_missing() -> str | None:
    """Why nothing can be trained on a GPU here, or None."""
    if find_spec("cupy") is None:
        return "models on a GPU are CuPy arrays, which needs CuPy: pip install 'fastnets[cupy]'"
    try:
        with backends.use_backend("cuda"):
            return None
    except RuntimeError as error:
        return str(error)


def _menu() -> str:
    rows = [f"  fastnets demo {name:<10} {demo.HELP}" for name, demo in _DEMOS.items()]
    return "\n".join(["demos:", *rows, f"  (not there yet: {', '.join(_PLANNED)})"])


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is below 1")
    return value
