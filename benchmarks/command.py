"""``fastnets bench``: how fast the kernels are here, beside the machine's ceilings and other libraries."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import fastnets

from . import report
from .ceilings import ceilings_of, machine
from .families import FAMILIES, served
from .peers import PEERS, Place, equal_threads, why_absent
from .timing import Measurement, measure

__all__ = ["HELP", "add_arguments", "run"]

HELP = "time the kernels beside PyTorch, onnxruntime and NumPy, and beside what this machine can do"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes (beside ``--json FILE``, which every command has)."""
    parser.add_argument("family", nargs="?", choices=list(FAMILIES), help="only this one (default: all)")
    parser.add_argument(
        "--vs", metavar="PEERS", default="torch,onnxruntime,numpy", help="comma-separated (default: %(default)s)"
    )
    parser.add_argument("--plot", metavar="DIR", help="draw bars.png and roofline.png there")
    parser.add_argument("--only", metavar="TEXT", default="", help="workloads whose name contains this")
    parser.add_argument("--seconds", type=float, default=3.0, help="to spend on a workload (default: %(default)s)")
    parser.add_argument("--threads", type=int, help="for every contender (default: as fastnets chooses)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to run (default: %(default)s)")
    parser.add_argument("--readme", metavar="FILE", help="write the table of speeds between the markers of this file")


def run(arguments: argparse.Namespace) -> int:
    """Measure, show and write what was asked for; 1 if contenders disagree on a result."""
    wanted = [name for name in arguments.vs.split(",") if name]
    for name in wanted:
        if name not in PEERS:
            print(f"fastnets bench: --vs has {name!r} but knows {', '.join(PEERS)}", file=sys.stderr)
            return 2
    peers = [name for name in wanted if not (why := why_absent(name)) or print(why)]
    if arguments.device == "cuda":
        peers = [name for name in peers if name == "torch"]
    place = Place(arguments.device, arguments.threads or fastnets.num_threads())
    with equal_threads(place.threads, peers):
        result = benchmark(_chosen(arguments.family, arguments.only, place.device), peers, place, arguments.seconds)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if arguments.readme:
        report.write_between_markers(Path(arguments.readme), result)
    if arguments.plot:
        from . import plots

        for path in plots.draw(result, Path(arguments.plot)):
            print(path.resolve())
    return 1 if any(m["error"] for m in result["workloads"]) else 0


def _chosen(family: str | None, text: str, device: str) -> list[tuple[str, Any]]:
    names = [family] if family else list(FAMILIES)
    return [(name, workload) for name in names for workload in served(name, device) if text in workload.name]


def benchmark(workloads: list[tuple[str, Any]], peers: list[str], place: Place, seconds: float) -> dict[str, Any]:
    """Measure workloads, given with their families, and print a table while they come.

    Returns
    -------
    dict
        ``machine``, ``workloads`` (a `Measurement` each) and ``rows`` (geometric means), ready for JSON.
    """
    ceilings = ceilings_of(place)
    where = machine(place, ceilings)
    report.print_machine(where)
    measured: list[Measurement] = []
    with report.table(peers) as show:
        for family, workload in workloads:
            measured.append(measure(family, workload, peers, place, ceilings, seconds))
            show(measured[-1])
    rows = report.rows_of(measured)
    report.print_rows(rows)
    return {"machine": where, "workloads": [m.as_dict() for m in measured], "rows": rows}
