"""Results as pictures: bars of every contender's time over ours, and a roofline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["draw"]

_COLOURS = {"fastnets": "#1a6fb0", "torch": "#dd5522", "onnxruntime": "#6b6f76", "numpy": "#8a63b0"}
_LEVELS = {"32 KiB": ":", "1 MiB": "-.", "16 MiB": "--", "256 MiB": "-", "copy": "-"}
_A_PICTURE = 16  # workloads
_WIDEST = 2.5  # longer bars are cut


def draw(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write ``bars-FAMILY.png`` for each family and ``roofline.png``; return the paths.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError("--plot needs matplotlib: pip install 'fastnets[demo]'") from error
    matplotlib.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    measured = [w for w in result["workloads"] if w["timings"]]
    made = []
    for family in dict.fromkeys(w["family"] for w in measured):
        group = [w for w in measured if w["family"] == family]
        for first in range(0, len(group), _A_PICTURE):
            suffix = f"-{first // _A_PICTURE + 1}" if len(group) > _A_PICTURE else ""
            made.append(
                _bars(result["machine"], group[first : first + _A_PICTURE], folder / f"bars-{family}{suffix}.png")
            )
    if any(w["flops"] for w in measured):
        made.append(_roofline(result["machine"], measured, folder / "roofline.png"))
    return made


def _where(machine: dict[str, Any]) -> str:
    return f"{machine['model']}, {machine['isa']}, threads: {machine['threads']}"


def _bars(machine: dict[str, Any], workloads: list[dict[str, Any]], path: Path) -> Path:
    """The speed of each contender relative to ours, with its share of the floor beside the bar."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    labels = {t["label"]: t["library"] for w in workloads for t in w["timings"]}
    lines = sum(len(w["timings"]) + 1 for w in workloads)
    figure = Figure(figsize=(10, 1.6 + 0.17 * lines), layout="constrained")
    axes = figure.add_subplot()
    y, centres = 0, []
    for w in workloads:
        centres.append(y + (len(w["timings"]) - 1) / 2)
        for t in w["timings"]:
            speed = w["timings"][0]["ratio"] / t["ratio"]
            low, high = (speed * (t["median"] / q - 1) for q in reversed(t["quartiles"]))
            axes.barh(y, speed, 0.9, color=_COLOURS[t["library"]], alpha=_alpha(t["label"]))
            axes.plot([speed + low, speed + high], [y, y], color="#22222288", linewidth=1)
            note = f"{speed:.2f}" + (f"  {t['share']:.0%}" if t["share"] else "")
            end = min(max(speed, speed + high), _WIDEST - 0.4)
            axes.annotate(note, (end, y), xytext=(4, 0), textcoords="offset points", va="center", size=7)
            y += 1
        y += 1
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlim(0, _WIDEST)
    axes.set_ylim(y - 1, -1)
    axes.set_yticks(centres, [w["name"] for w in workloads])
    axes.set_xlabel("speed, the first bar = 1 (lines: quartiles), and share of the floor")
    axes.set_title(f"{workloads[0]['family']} on {_where(machine)}", loc="left")
    handles = [Patch(color=_COLOURS[library], alpha=_alpha(label), label=label) for label, library in labels.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.savefig(path, dpi=120)
    return path


def _alpha(label: str) -> float:
    return 0.6 if "channels-last" in label else 1.0


def _roofline(machine: dict[str, Any], workloads: list[dict[str, Any]], path: Path) -> Path:
    """Rate over intensity, under the measured ceilings: sloped ones of memory, flat ones of the multiply-add units."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), layout="constrained")
    axes = figure.add_subplot()
    points = [w for w in workloads if w["flops"]]
    intensity = [w["flops"] / w["bytes"] for w in points]
    x = np.geomspace(min(0.25, *intensity), 2 * max(intensity), 200)
    top = max(machine["gflops"].values())
    for size, rate in machine["gigabytes_per_second"].items():
        slope = x[rate * x < top]
        style = _LEVELS.get(size, "-")
        axes.plot(slope, rate * slope, style, color="#999999", linewidth=1, label=f"memory, {size}: {rate} GB/s")
    for dtypes, rate in _distinct(machine["gflops"]):
        axes.axhline(rate, color="#333333", linewidth=1)
        note = f"{dtypes}: {rate} GFLOP/s"
        axes.annotate(note, (x[0], rate), xytext=(4, 3), textcoords="offset points", size=8)
    seen: set[str] = set()
    for w, position in zip(points, intensity, strict=True):
        for t in w["timings"]:
            label = t["library"] if t["library"] not in seen else None
            seen.add(t["library"])
            axes.plot(
                position,
                w["flops"] / t["median"] / 1e9,
                "o" if t["library"] == "fastnets" else "x",
                color=_COLOURS[t["library"]],
                markersize=7 if t["library"] == "fastnets" else 5,
                alpha=0.8,
                label=label,
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(x[0], x[-1])
    axes.set_xlabel("FLOP per byte (each input read once, each output written once)")
    axes.set_ylabel("GFLOP/s")
    axes.set_title(f"roofline of {_where(machine)}", loc="left")
    axes.grid(which="both", linewidth=0.3)
    figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    figure.savefig(path, dpi=120)
    return path


def _distinct(rates: dict[str, float]) -> list[tuple[str, float]]:
    """The ceilings that a picture can tell apart: those within 5% of each other are one, with all their names."""
    found: list[tuple[str, float]] = []
    for name, rate in sorted(rates.items(), key=lambda item: -item[1]):
        if found and rate > 0.95 * found[-1][1]:
            found[-1] = (f"{found[-1][0]}, {name}", found[-1][1])
        else:
            found.append((name, rate))
    return found
