"""The result of a command as JSON."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["writable", "write_json"]


def writable(path: str | None) -> bool:
    """Whether the file can be written, said on stderr if not: to be asked before the work, not after it."""
    if path is None:
        return True
    target = Path(path)
    place = target if target.exists() else target.parent
    if target.is_dir() or not os.access(place, os.W_OK):
        print(f"fastnets: cannot write {path}", file=sys.stderr)
        return False
    return True


def write_json(path: str | None, result: Any) -> None:
    """Write the result to the file, if one was named."""
    if path is not None:
        Path(path).write_text(json.dumps(result, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
