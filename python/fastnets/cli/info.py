"""``fastnets info``: what is installed here, and what it found."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

import fastnets

from . import report

__all__ = ["HELP", "add_arguments", "lines", "run"]

HELP = "version, instruction sets, threads, GPUs, and what was built and why not"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none of its own."""


def run(arguments: argparse.Namespace) -> int:
    """Print what `fastnets.info` returns."""
    if not report.writable(arguments.json):
        return 2
    information = fastnets.info()
    print("\n".join(lines(information)))
    report.write_json(arguments.json, information)
    return 0


def lines(information: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """The dictionary as aligned lines, nested ones indented."""
    width = max((len(str(key)) for key in information), default=0)
    for key, value in information.items():
        name = f"{indent}{str(key).replace('_', ' '):<{width}}"
        if isinstance(value, Mapping) and value:
            yield name.rstrip()
            yield from lines(value, indent + "  ")
        else:
            yield f"{name}  {_text(value)}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == [] or value == () or value == {}:
        return "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(each) for each in value)
    return str(value)
