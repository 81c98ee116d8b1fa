"""What a command shows while it works: a progress bar on a terminal with rich, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

__all__ = ["Advance", "has_colours", "missing_extras", "progress"]

Advance = Callable[[str], None]

_PLAIN_LINES = 6  # as many lines of progress as a log file wants


def missing_extras(**purposes: str) -> Iterator[str]:
    """A line for each package that is not installed, saying what is left out without it and how to get it."""
    for package, purpose in purposes.items():
        if find_spec(package) is None:
            yield f"without {package}: {purpose} (pip install 'fastnets[demo]')"


def has_colours() -> bool:
    """Whether standard output is a terminal that rich can colour."""
    if find_spec("rich") is None or not sys.stdout.isatty():
        return False
    from rich.console import Console

    console = Console()
    return console.color_system is not None and not console.no_color


@contextmanager
def progress(title: str, steps: int) -> Iterator[Advance]:
    """A bar over the block; the block calls what it is given after each step, with a line on how things stand.

    Examples
    --------
    >>> from fastnets.cli.console import progress
    >>> with progress("training", 2) as advance:
    ...     for epoch in range(2):
    ...         advance(f"loss {1 / (epoch + 1)}")
    training 1/2  loss 1.0
    training 2/2  loss 0.5
    """
    if find_spec("rich") is not None and sys.stdout.isatty():
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns) as bar:
            task = bar.add_task(title, total=steps, status="")
            yield lambda status: bar.update(task, advance=1, status=status)
    else:
        done = 0

        def advance(status: str) -> None:
            nonlocal done
            done += 1
            if done == steps or done % max(1, steps // _PLAIN_LINES) == 0:
                print(f"{title} {done}/{steps}  {status}", flush=True)

        yield advance
