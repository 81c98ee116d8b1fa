"""What the demos that train say last: how fast it went, what was written, what was left out, how to load the model."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from .. import console

__all__ = ["show"]


def show(
    result: dict[str, Any], unit: str, speed: float, torch_speed: float | None, loading: str, **left_out: str
) -> None:
    """Print the end of a demo.

    Parameters
    ----------
    result : dict
        With "seconds", in all, and "files", the model's first where it was saved.
    unit : str
        What is counted a second.
    speed, torch_speed : float
        In training, and that of PyTorch where it is installed.
    loading : str
        The lines that load the model, with "{path}" for its place.
    **left_out : str
        What is missing without a package, by the package's name; that the model was not saved is known.
    """
    line = f"{speed:,.0f} {unit} a second in training"
    if torch_speed:
        line += f"; torch: {torch_speed:,.0f}"
    print(f"\n{line}\n{result['seconds']:.1f} s in all")
    for path in result["files"]:
        print(f"wrote {path}")
    for line in console.missing_extras(**left_out, safetensors="the model was not saved"):
        print(line)
    if find_spec("safetensors"):
        print(f"\nto load the model in Python:\n\n{loading.format(path=result['files'][0])}")
