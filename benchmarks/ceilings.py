"""What the machine does at best, measured, and the floor that follows for a workload."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

import fastnets
from fastnets import _cpu

from .peers import Place, versions
from .workload import Workload

__all__ = ["Ceilings", "Floor", "ceilings_of", "machine"]

_PROBE_SECONDS = 0.005
_LARGEST = 1 << 28  # bytes: far beyond the caches


@dataclass(frozen=True)
class Floor:
    """The time below which a workload cannot go on this machine.

    Attributes
    ----------
    bound : {"arithmetic", "memory", ""}
        Which of its terms is the larger; nothing where only the overhead of a call counts.
    seconds : float
    probe : callable
        Measures it again, for so many seconds, so that it can be taken in turns with what is held against it.
    """

    bound: str
    seconds: float
    probe: Callable[[float], float]


class Ceilings(Protocol):
    """The best rates of a device."""

    def flops(self, dtype: str, seconds: float = ...) -> float:
        """Floating-point operations a second, now."""

    def bandwidth(self, footprint: float, seconds: float = ...) -> float:
        """Bytes a second, now, over data of this many bytes: they lie in the level of memory that holds them."""


class HostCeilings:
    """Multiply-adds on registers and reads over a working set, by all threads, with the instruction set in use."""

    def __init__(self) -> None:
        self._data: dict[int, np.ndarray[Any, Any]] = {}

    def flops(self, dtype: str, seconds: float = _PROBE_SECONDS) -> float:
        return float(_cpu.measure_flops(dtype, seconds))

    def bandwidth(self, footprint: float, seconds: float = _PROBE_SECONDS) -> float:
        size = int(min(max(footprint, 1 << 14), _LARGEST)) // 4
        if size not in self._data:
            self._data.clear()
            self._data[size] = np.ones(size, np.float32)
        return float(_cpu.measure_read(self._data[size], seconds))


class GpuCeilings:
    """A large product of torch's (cuBLAS) and a large copy, bytes read and written."""

    def __init__(self) -> None:
        self._flops: dict[str, float] = {}
        self._copy = 0.0

    def flops(self, dtype: str, seconds: float = _PROBE_SECONDS) -> float:
        if dtype not in self._flops:
            import torch

            n = 8192 if dtype in ("bfloat16", "float16") else 4096
            a, b = (torch.randn(n, n, device="cuda").to(getattr(torch, dtype)) for _ in range(2))
            self._flops[dtype] = 2 * n**3 / _event_seconds(lambda: a @ b)
        return self._flops[dtype]

    def bandwidth(self, footprint: float, seconds: float = _PROBE_SECONDS) -> float:
        if not self._copy:
            import torch

            a = torch.ones(1 << 30, dtype=torch.uint8, device="cuda")
            b = torch.empty_like(a)
            self._copy = 2 * a.numel() / _event_seconds(lambda: b.copy_(a))
        return self._copy


def _event_seconds(run: Callable[[], Any]) -> float:
    from .timing import gpu_clock

    gpu_clock(run, 3)
    return min(gpu_clock(run, 5) for _ in range(3))


def ceilings_of(place: Place) -> Ceilings:
    """Return the means to measure a device's ceilings."""
    return HostCeilings() if place.device == "cpu" else GpuCeilings()


def floor(workload: Workload, ceilings: Ceilings) -> Floor:
    """Return the floor of a workload: the larger of its arithmetic and its traffic, each at the measured best rate."""
    terms: dict[str, Callable[[float], float]] = {}
    if workload.flops:
        terms["arithmetic"] = lambda seconds: workload.flops / ceilings.flops(workload.dtype, seconds)
    if workload.bytes:
        terms["memory"] = lambda seconds: workload.bytes / ceilings.bandwidth(workload.bytes, seconds)
    if not terms:
        return Floor("", 0.0, lambda seconds: 0.0)
    measured = {bound: min(term(_PROBE_SECONDS) for _ in range(3)) for bound, term in terms.items()}
    bound = max(measured, key=lambda name: measured[name])
    return Floor(bound, measured[bound], terms[bound])


def machine(place: Place, ceilings: Ceilings) -> dict[str, Any]:
    """Return what a result must say of where it was measured: model, instruction set, threads, versions, ceilings."""
    info = fastnets.info()
    dtypes = ("float32", "bfloat16", "float64") if place.device == "cpu" else ("float32", "bfloat16")
    sizes = {"32 KiB": 1 << 15, "1 MiB": 1 << 20, "16 MiB": 1 << 24, "256 MiB": _LARGEST}
    found = {
        "model": info["cpu"],
        "system": f"{platform.system()} {platform.machine()}",
        "isa": info["isa"],
        "threads": place.threads,
        "device": place.device,
        "fastnets": info["version"],
        "compiler": info["compiler"],
        "python": info["python"],
        "versions": versions(),
        "gflops": {d: round(max(ceilings.flops(d, 0.02) for _ in range(5)) / 1e9, 1) for d in dtypes},
    }
    if place.device == "cpu":
        # A level's rate is what all threads read together from a working set of the size.
        best = {name: max(ceilings.bandwidth(size, 0.02) for _ in range(5)) for name, size in sizes.items()}
        found["gigabytes_per_second"] = {name: round(rate / 1e9, 1) for name, rate in best.items()}
    else:
        import torch

        found["model"] = torch.cuda.get_device_name()
        found["gigabytes_per_second"] = {"copy": round(ceilings.bandwidth(_LARGEST) / 1e9, 1)}
    return found
