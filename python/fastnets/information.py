"""What is installed and what it runs on."""

from __future__ import annotations

import platform
import sys
from typing import Any

import numpy as np

from . import _buildinfo, _cpu
from .backends import module, why_missing

__all__ = ["info"]


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _backend(name: str) -> dict[str, Any]:
    try:
        loaded = module(name)
    except RuntimeError as error:
        cause = error.__cause__
        return {
            "available": False,
            "reason": why_missing(name, cause) if isinstance(cause, ImportError) else str(error),
        }
    found = {"available": True}
    if hasattr(loaded, "devices"):
        found.update(loaded.devices())
    return found


def info() -> dict[str, Any]:
    """Return the version, the instruction sets, threads and GPUs, and what was built or why not.

    Examples
    --------
    >>> import fastnets as fn
    >>> sorted(fn.info())
    ['compiler', 'cpu', 'cuda', 'cuda_emulated', 'isa', 'isas', 'numpy', 'python', 'threads', 'version']
    """
    return {
        "version": _buildinfo.VERSION,
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "compiler": _buildinfo.COMPILER,
        "cpu": _cpu_name(),
        "isa": _cpu.isa(),
        "isas": _cpu.isas(),
        "threads": _cpu.num_threads(),
        "cuda": _backend("cuda"),
        "cuda_emulated": _backend("cuda-emulated"),
    }
