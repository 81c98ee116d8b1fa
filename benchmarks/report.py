"""Results as text: a table while they come, means by line of the speed table, the README's table."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .timing import Measurement, Timing

__all__ = ["BEGIN", "END", "markdown", "print_machine", "print_rows", "rows_of", "table", "write_between_markers"]

BEGIN, END = "<!-- speed: begin -->", "<!-- speed: end -->"

_HEADINGS = ("workload", "fastnets", "±", "rate", "of the floor")


def print_machine(where: dict[str, Any]) -> None:
    """Say where the measurement takes place, and what was measured of it."""
    print(
        f"{where['model']}, {where['isa']}, threads: {where['threads']}, {where['compiler']}, Python {where['python']}"
    )
    print("  " + ", ".join(f"{name} {version}" for name, version in where["versions"].items()))
    print("  multiply-adds: " + ", ".join(f"{d} {rate} GFLOP/s" for d, rate in where["gflops"].items()))
    print("  memory: " + ", ".join(f"{size} {rate} GB/s" for size, rate in where["gigabytes_per_second"].items()))


@contextmanager
def table(peers: list[str]) -> Iterator[Callable[[Measurement], None]]:
    """Give a function that shows a measurement as the next line: with rich on a terminal, plain elsewhere."""
    headings = [*_HEADINGS, *(f"{peer} ×" for peer in peers)]
    if importlib.util.find_spec("rich") is not None and sys.stdout.isatty():
        from rich.live import Live
        from rich.table import Table

        grid = Table(*headings, caption="×: a peer's time over ours; above 1 we are faster")
        for column in grid.columns[1:]:
            column.justify = "right"
        with Live(grid, vertical_overflow="visible"):
            yield lambda m: grid.add_row(*_cells(m, peers))
    else:
        print(_plain(headings))
        yield lambda m: print(_plain(_cells(m, peers)), flush=True)


def _plain(cells: list[str]) -> str:
    return f"{cells[0]:<54}" + "".join(f"{cell:>15}" for cell in cells[1:])


def _cells(m: Measurement, peers: list[str]) -> list[str]:
    name = f"{m.family} {m.name}"
    if m.error:
        return [name, "WRONG", m.error]
    ours = min(m.ours, key=lambda t: t.ratio)
    spread = (ours.quartiles[1] - ours.quartiles[0]) / 2 / ours.median
    cells = [
        name,
        duration(ours.median),
        f"{spread:.0%}",
        rate(m, ours),
        f"{ours.share:.0%} {m.bound}" if m.bound else "",
    ]
    for peer in peers:
        theirs = [t.ratio for t in m.timings if t.library == peer]
        cells.append(f"{min(theirs) / ours.ratio:.2f}" if theirs else "")
    return cells


def duration(seconds: float) -> str:
    """Return a time with the unit that suits it.

    Examples
    --------
    >>> duration(0.00231), duration(1.4e-6)
    ('2.31 ms', '1.40 µs')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.2f} µs"


def rate(m: Measurement, timing: Timing) -> str:
    """Return the rate of what bounds a workload: operations or bytes a second."""
    if m.bound == "arithmetic":
        return f"{m.flops / timing.median / 1e9:.4g} GFLOP/s"
    return f"{m.bytes / timing.median / 1e9:.4g} GB/s" if m.bound else ""


def rows_of(measured: list[Measurement]) -> list[dict[str, Any]]:
    """Return the lines of the speed table: geometric means over the workloads that count to each.

    Returns
    -------
    list of dict
        ``row``, ``shapes`` (how many), ``speedup`` over the best peer of each shape (0 without a peer), ``share`` of
        the floor, and ``best``, the largest share among all contenders of each shape.
    """
    rows: dict[str, list[Measurement]] = {}
    for m in measured:
        for row in () if m.error else m.rows:
            rows.setdefault(row, []).append(m)
    return [
        {
            "row": row,
            "shapes": len(group),
            "speedup": _geometric_mean([m.speedup for m in group]),
            "share": _geometric_mean([max(t.share for t in m.ours) for m in group]),
            "best": _geometric_mean([max(t.share for t in m.timings) for m in group]),
        }
        for row, group in rows.items()
    ]


def _geometric_mean(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values)) if all(v > 0 for v in values) else 0.0


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Print the geometric means."""
    if not rows:
        return
    print("\n" + _plain(["geometric mean", "shapes", "× best peer", "of the floor"]))
    for row in rows:
        speedup = f"{row['speedup']:.2f}" if row["speedup"] else "–"
        share = f"{row['share']:.0%}" if row["share"] else "–"
        print(_plain([row["row"], str(row["shapes"]), speedup, share]))


def markdown(result: dict[str, Any]) -> str:
    """Return the speed table of a result, as Markdown."""
    where = result["machine"]
    versions = ", ".join(
        f"{name} {where['versions'][name]}" for name in ("torch", "onnxruntime") if name in where["versions"]
    )
    lines = [
        f"{where['model']}, {where['isa']}, threads: {where['threads']}; {versions}. The floor is the larger of two "
        "times: arithmetic at the measured rate of the multiply-add units (float32: "
        f"{where['gflops']['float32']} GFLOP/s), and bytes at the measured bandwidth. × is the best peer's time over "
        "ours. Both are geometric means over the shapes.",
        "",
        "| work, float32 unless stated | of the floor | × best peer |",
        "| --- | ---: | ---: |",
    ]
    for row in result["rows"]:
        share = f"{row['share']:.0%}" if row["share"] else "–"
        lines.append(
            f"| {row['row']} | {share} | {row['speedup']:.2f} |"
            if row["speedup"]
            else f"| {row['row']} | {share} | – |"
        )
    return "\n".join(lines)


def write_between_markers(path: Path, result: dict[str, Any]) -> None:
    """Replace what stands between the markers of a file by the speed table.

    Raises
    ------
    ValueError
        The file does not have both markers.
    """
    text = path.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text.split(BEGIN, 1)[1]:
        raise ValueError(f"{path} must have the lines {BEGIN} and {END}")
    head, rest = text.split(BEGIN, 1)
    path.write_text(f"{head}{BEGIN}\n{markdown(result)}\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")
