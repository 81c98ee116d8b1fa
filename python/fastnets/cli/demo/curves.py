"""Learning curves as a picture file, drawn by matplotlib without a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["draw", "draw_bits", "figure"]


def draw(path: Path, title: str, losses: Sequence[float], accuracies: Sequence[float]) -> None:
    """Write a PNG of the training loss (left axis, logarithmic) and the held-out accuracy (right axis) by epoch.

    Parameters
    ----------
    path : Path
        The file.
    title : str
        What stands above.
    losses, accuracies : sequence of float
        One value an epoch; accuracies from 0 to 1.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    drawn = figure()
    epochs = range(1, len(losses) + 1)
    left = drawn.add_subplot()
    right = left.twinx()
    lines = left.semilogy(epochs, losses, color="tab:blue", label="training loss")
    lines += right.plot(
        epochs, [100 * accuracy for accuracy in accuracies], color="tab:orange", label="held-out accuracy"
    )
    left.set(title=title, xlabel="epoch", ylabel="cross entropy")
    left.grid(alpha=0.3)
    right.set_ylabel("accuracy, %")
    left.legend(handles=lines, loc="center right")
    drawn.savefig(path)


def draw_bits(path: Path, trainings: Sequence[Mapping[str, Any]]) -> None:
    """Write a PNG of the bits a character on held-out text, by characters learned from: a line for each training.

    Parameters
    ----------
    path : Path
        The file.
    trainings : sequence of mapping
        Each with ``cell``, ``characters`` and ``held_out_bits``.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    drawn = figure()
    axes = drawn.add_subplot()
    for training in trainings:
        best = min(training["held_out_bits"], default=float("nan"))
        label = f"{training['cell'].upper()}: {best:.3f}"
        axes.plot([n / 1e6 for n in training["characters"]], training["held_out_bits"], marker=".", label=label)
    axes.set(
        title="Recurrent nets learn English, character by character",
        xlabel="characters learned from, millions",
        ylabel="bits per character, held-out text",
    )
    axes.grid(alpha=0.3)
    axes.legend()
    drawn.savefig(path)


def figure(width: float = 7.0, height: float = 4.0) -> Any:
    """An empty figure of matplotlib's, in inches; an ImportError names the extra to install."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("the picture needs matplotlib: pip install 'fastnets[demo]'") from None
    return Figure(figsize=(width, height), dpi=120, layout="constrained")
