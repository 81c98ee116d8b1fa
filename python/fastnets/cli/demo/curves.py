"""Learning curves as a picture file, drawn by matplotlib without a display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["draw"]


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
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("the learning curve needs matplotlib: pip install 'fastnets[demo]'") from None
    epochs = range(1, len(losses) + 1)
    figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
    left = figure.add_subplot()
    right = left.twinx()
    lines = left.semilogy(epochs, losses, color="tab:blue", label="training loss")
    lines += right.plot(
        epochs, [100 * accuracy for accuracy in accuracies], color="tab:orange", label="held-out accuracy"
    )
    left.set(title=title, xlabel="epoch", ylabel="cross entropy")
    left.grid(alpha=0.3)
    right.set_ylabel("accuracy, %")
    left.legend(handles=lines, loc="center right")
    figure.savefig(path)
