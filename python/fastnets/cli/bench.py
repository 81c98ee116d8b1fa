"""``fastnets bench``: the command is the runner of `fastnets.benchmarks`."""

from ..benchmarks.command import HELP, add_arguments, run

__all__ = ["HELP", "add_arguments", "run"]
