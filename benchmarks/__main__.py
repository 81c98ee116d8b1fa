"""``python -m fastnets.benchmarks``: the same as ``fastnets bench``."""

import argparse
import sys

from . import command

parser = argparse.ArgumentParser(prog="python -m fastnets.benchmarks", description=command.HELP)
parser.add_argument("--json", metavar="FILE", help="also write the result as JSON to FILE")
command.add_arguments(parser)
sys.exit(command.run(parser.parse_args()))
