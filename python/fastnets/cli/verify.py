"""``fastnets verify``: every op against its float64 reference, on every backend of this machine."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

import fastnets
from fastnets import backends

from . import report

__all__ = ["HELP", "Verdict", "add_arguments", "run", "table", "verify"]

HELP = "every op against its float64 reference, on every backend, instruction set and dtype of this machine"


@dataclass(frozen=True)
class Verdict:
    """How one op fared on one backend in one dtype, over all of its cases."""

    op: str
    backend: str
    dtype: str
    cases: int
    worst: float  # the largest |error| / bound of any output or gradient: at most 1 where all is well
    problem: str  # the case of a failure and what went wrong; empty where all is well

    @property
    def ok(self) -> bool:
        return not self.problem


def verify(ops: Sequence[str] | None = None, seed: int | None = None) -> Iterator[Verdict]:
    """Run the cases of the ops, with fresh random values, on every backend that is there.

    Parameters
    ----------
    ops : sequence of str, optional
        Names of the op table; by default all.
    seed : int, optional
        Of the random values.

    Yields
    ------
    Verdict
        One for each op, dtype and backend, as they come.

    Examples
    --------
    >>> from fastnets.cli.verify import verify
    >>> all(verdict.ok for verdict in verify(["linear"], seed=1))
    True
    """
    from fastnets.cases import CASES, FLOATS
    from fastnets.cases.trial import rows

    here = [row for row in rows() if row.backend != "reference"]
    dtypes = [dtype for dtype in FLOATS if dtype != "bfloat16" or find_spec("ml_dtypes")]
    for op in backends.OPS if ops is None else ops:
        for dtype in dtypes:
            cases = [case for case in CASES[op] if dtype in case.dtypes]
            yield from _verdicts(op, dtype, cases, here, np.random.default_rng(seed))


def _verdicts(op: str, dtype: str, cases: list[Any], here: list[Any], rng: np.random.Generator) -> Iterator[Verdict]:
    from fastnets.cases.trial import Trial

    worst, problems = dict.fromkeys(here, 0.0), dict.fromkeys(here, "")
    served = [row for row in here if row.serves(op, dtype)]
    for case in cases:
        trial = Trial(case, dtype, rng)
        for row in (row for row in served if row.serves(op, dtype, case)):
            try:
                call = trial.forward(row)
                results = trial.outputs(call)
                if trial.has_backward:
                    results += trial.gradients(trial.backward(row, call))
            except Exception as error:
                worst[row], problems[row] = math.inf, problems[row] or f"{case}: {type(error).__name__}: {error}"
                continue
            for result in results:
                worst[row] = max(worst[row], result.worst())
                if result.worst() > 1 and not problems[row]:
                    problems[row] = f"{case}: {result}"
    for row in served:
        yield Verdict(op, str(row), dtype, len(cases), worst[row], problems[row])


def table(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """The verdicts as lines of a table, a line for each op and backend with a column for each dtype.

    The verdicts of an op come one after the other; its lines are given out when the next op begins.
    """
    from fastnets.cases import FLOATS

    yield f"{'op':<16}{'backend':<18}" + "".join(f"{dtype:>10}" for dtype in FLOATS)
    lines: dict[str, dict[str, str]] = {}
    current = ""
    for verdict in verdicts:
        if verdict.op != current:
            yield from _lines(current, lines, FLOATS)
            current, lines = verdict.op, {}
        cell = f"{verdict.worst:.2f}" if verdict.ok else f"! {verdict.worst:.3g}"
        lines.setdefault(verdict.backend, {})[verdict.dtype] = cell
    yield from _lines(current, lines, FLOATS)


def _lines(op: str, lines: dict[str, dict[str, str]], dtypes: Sequence[str]) -> Iterator[str]:
    for backend, cells in lines.items():
        yield f"{op:<16}{backend:<18}" + "".join(f"{cells.get(dtype, '-'):>10}" for dtype in dtypes)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which ops, and the seed."""
    parser.add_argument("ops", nargs="*", metavar="OP", help=f"some of {', '.join(backends.OPS)}; by default all")
    parser.add_argument("--seed", type=int, help="of the random values; by default another one each time")


def run(arguments: argparse.Namespace) -> int:
    """Print the table while it comes; 1 where an op failed."""
    unknown = [op for op in arguments.ops if op not in backends.OPS]
    if unknown:
        print(f"fastnets verify: there is no op {unknown[0]!r}, only {', '.join(backends.OPS)}")
        return 2
    if not report.writable(arguments.json):
        return 2
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if arguments.seed is None else arguments.seed
    verdicts: list[Verdict] = []

    def keep(each: Iterable[Verdict]) -> Iterator[Verdict]:
        for verdict in each:
            verdicts.append(verdict)
            yield verdict

    print("The largest error of any output or gradient, as a share of its bound (at most 1):")
    for line in table(keep(verify(arguments.ops or None, seed))):
        print(line, flush=True)
    failed = [verdict for verdict in verdicts if not verdict.ok]
    for verdict in failed:
        print(f"\n{verdict.op} on {verdict.backend} in {verdict.dtype}: {verdict.problem}")
    print(f"\n{len(verdicts) - len(failed)} of {len(verdicts)} hold; --seed {seed} draws the same values again.")
    rows = [asdict(verdict) | {"ok": verdict.ok} for verdict in verdicts]
    report.write_json(arguments.json, {"seed": seed, "version": fastnets.__version__, "verdicts": rows})
    return 1 if failed else 0
