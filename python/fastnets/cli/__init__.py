"""The command line: ``fastnets`` and ``python -m fastnets``.

Each sub-command is a module with a line of help (`HELP`), `add_arguments` and `run`, which returns the exit status.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

import fastnets
from fastnets.benchmarks import command as bench

from . import bench, demo, info, verify

__all__ = ["main"]

_COMMANDS = {"info": info, "verify": verify, "bench": bench, "demo": demo}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        The exit status: 0, 1 for a failure, 2 for wrong arguments, 130 after Ctrl-C.

    Examples
    --------
    >>> from fastnets.cli import main
    >>> main(["info"])  # doctest: +SKIP
    0
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a stream that a test put there
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        if arguments.command is None:
            status = info.run(arguments)
            print()
            parser.print_help()
            return status
        return int(_COMMANDS[arguments.command].run(arguments))
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a folder that cannot be made, a full disk
        print(f"fastnets: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastnets", description="Fused CNN, RNN and Transformer kernels on your arrays."
    )
    parser.add_argument("--version", action="version", version=f"fastnets {fastnets.__version__}")
    parser.set_defaults(json=None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, command in _COMMANDS.items():
        subparser = commands.add_parser(name, help=command.HELP, description=command.HELP)
        subparser.add_argument("--json", metavar="FILE", help="also write the result as JSON to FILE")
        command.add_arguments(subparser)
    return parser
