"""Results as pictures: bars of every contender's time over ours, and a roofline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["draw"]

_COLOURS = {"fastnets": "#1a6fb0", "torch": "#dd5522", "onnxruntime": "#6b6f76", "numpy": "#8a63b0"}
_LEVELS = {"32 KiB": ":", "1 MiB": "-.", "16 MiB": "--", "256 MiB": "-", "copy": "-"}
_A_PICTURE = 30  # workloads
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
    return f"{machine['model']}, {machine['isa']}, {machine['threads']} threads"


def _bars(machine: dict[str, Any], workloads: list[dict[str, Any]], path: Path) -> Path:
    """The speed of each contender relative to ours, with its share of the floor beside the bar."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    labels = {t["label"]: t["library"] for w in workloads for t in w["timings"]}
    lines = sum(len(w["timings"]) + 1 for w in workloads)
    figure = Figure(figsize=(9, 1.6 + 0.17 * lines), layout="constrained")
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
    axes.set_xlabel("speed, fastnets = 1 (right is faster); lines: quartiles; beside: speed, share of the floor")
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

    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.add_subplot()
    points = [w for w in workloads if w["flops"]]
    intensity = [w["flops"] / w["bytes"] for w in points]
    x = np.geomspace(min(intensity) / 2, max(intensity) * 2, 200)
    top = max(machine["gflops"].values())
    for size, rate in machine["gigabytes_per_second"].items():
        slope = x[rate * x < top]
        axes.plot(
            slope,
            rate * slope,
            _LEVELS.get(size, "-"),
            color="#999999",
            linewidth=1,
            label=f"memory, {size}: {rate} GB/s",
        )
    heights = {}
    for dtype, rate in machine["gflops"].items():
        heights.setdefault(rate, []).append(dtype)
    for rate, dtypes in heights.items():
        axes.axhline(rate, color="#333333", linewidth=1)
        axes.annotate(
            f"{', '.join(dtypes)}: {rate} GFLOP/s", (x[0], rate), xytext=(3, 3), textcoords="offset points", size=8
        )
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
    axes.set_xlabel("FLOP per byte (each input read once, each output written once)")
    axes.set_ylabel("GFLOP/s")
    axes.set_title(f"roofline of {_where(machine)}", loc="left")
    axes.grid(which="both", linewidth=0.3)
    axes.legend(loc="lower right", fontsize=8)
    figure.savefig(path, dpi=120)
    return path
