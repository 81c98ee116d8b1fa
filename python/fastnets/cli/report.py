"""The result of a command as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["writable", "write_json"]


def writable(path: str | None) -> bool:
    """Whether the file can be written, said on stderr if not: to be asked before the work, not after it."""
    if path is None or path == "-":
        return True
    try:
        with Path(path).open("a"):
            return True
    except OSError as error:
        print(f"fastnets: cannot write {path}: {error.strerror}", file=sys.stderr)
        return False


def write_json(path: str | None, result: Any) -> None:
    """Write the result to the file, if one was named."""
    if path is not None:
        Path(path).write_text(json.dumps(result, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
