"""Small grey pictures in a terminal: half blocks in colour through rich, characters elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import console

__all__ = ["as_text", "show"]

_SHADES = " .:-=+*#%@"
_GAP = "   "


def show(images: np.ndarray[Any, Any], captions: list[str]) -> None:
    """Print pictures side by side, each above its caption.

    Parameters
    ----------
    images : array (N, height, width)
        Grey values from 0 (paper) to 1 (ink).
    captions : list of N str
        What to print under each.
    """
    if console.has_colours():
        _show_in_colour(images, captions)
    else:
        print(as_text(images, captions))


def as_text(images: np.ndarray[Any, Any], captions: list[str]) -> str:
    """The pictures in characters, two for each pixel, the darker the more ink."""
    levels = np.rint(np.clip(images, 0, 1) * (len(_SHADES) - 1)).astype(int)
    width = max(2 * images.shape[-1], *(len(caption) for caption in captions))
    lines = [
        _GAP.join("".join(2 * _SHADES[level] for level in row).ljust(width) for row in rows)
        for rows in levels.swapaxes(0, 1)  # the first line of each picture, then the second, …
    ]
    return "\n".join(line.rstrip() for line in [*lines, _GAP.join(caption.ljust(width) for caption in captions)])


def _show_in_colour(images: np.ndarray[Any, Any], captions: list[str]) -> None:
    from rich.console import Console
    from rich.text import Text

    grey = np.rint(255 * np.clip(images, 0, 1)).astype(int)
    width = max(2 * images.shape[-1], *(len(caption) for caption in captions))
    console = Console()
    for rows in grey.swapaxes(0, 1):
        line = Text()
        for row in rows:
            for level in row:
                line.append("  ", style=f"on rgb({level},{level},{level})")
            line.append(" " * (width - 2 * len(row)) + _GAP)
        console.print(line, no_wrap=True, crop=True)
    console.print(_GAP.join(caption.ljust(width) for caption in captions), highlight=False)
