"""Where attention looks, as a picture file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import curves

__all__ = ["draw"]


def draw(
    path: Path, title: str, source: Sequence[str], target: Sequence[str], layers: Sequence[np.ndarray[Any, Any]]
) -> None:
    """Write a PNG with a field for each layer: a row for each word that is written, a column for each that is read.

    Parameters
    ----------
    path : Path
        The file.
    title : str
        What stands above.
    source, target : sequence of str
        What is read and what is written, word by word.
    layers : sequence of arrays (target, source)
        Weights from 0, white, to 1.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    figure = curves.figure(1.5 + len(layers) * (0.8 + 0.42 * len(source)), 2.0 + 0.32 * len(target))
    figure.suptitle(title)
    every = figure.subplots(1, len(layers), sharey=True, squeeze=False)[0]
    for i, (axes, weights) in enumerate(zip(every, layers, strict=True)):
        shown = axes.imshow(weights, vmin=0, vmax=1, cmap="Blues", aspect="auto")
        axes.set_xticks(range(len(source)), source, rotation=60, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(target)), target)
        axes.set_title(f"layer {i + 1}", fontsize="medium")
    figure.colorbar(shown, ax=list(every), label="attention, mean of the heads")
    figure.savefig(path)
