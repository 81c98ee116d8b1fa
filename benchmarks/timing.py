"""Measuring: results are compared first, then all contenders are timed in turns, round after round.

In a round each contender is timed once, and the machine's ceiling as well; what is reported is the median over the
rounds of ratios within a round. A load from elsewhere, or a clock that changes, then touches both sides of a ratio.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import repeat
from typing import Any

import numpy as np

from .ceilings import Ceilings, floor
from .peers import Place, as_numpy
from .workload import Contender, Workload

__all__ = ["Measurement", "Timing", "gpu_clock", "host_clock", "measure"]

_SAMPLE_SECONDS = 0.005  # a sample repeats shorter calls
_LONGEST_PROBE = 0.1  # otherwise a probe is as long as our sample, and meets as much of what else goes on
_MIN_ROUNDS, _MAX_ROUNDS = 7, 400
_PRECISION = 0.004  # rounds end early when the medians are known as well as this
# Between contenders: relative to the norm of the result. Roundings of sums, and of half-precision outputs.
_AGREEMENT = {"float64": 1e-11, "float32": 2e-5, "float16": 4e-3, "bfloat16": 2e-2}

Clock = Callable[[Callable[[], Any], int], float]


@dataclass
class Timing:
    """One contender's times, in seconds a call, over the rounds.

    Attributes
    ----------
    median, quartiles, best : float
    ratio : float
        Its time over the first contender's, the median over the rounds.
    share : float
        The floor's time over its own, likewise; 0 without a floor.
    calls : int
        In a sample.
    """

    library: str
    label: str
    median: float
    quartiles: tuple[float, float]
    best: float
    ratio: float
    share: float
    calls: int


@dataclass
class Measurement:
    """A workload with its floor and the times of all contenders, fastnets first."""

    family: str
    name: str
    rows: tuple[str, ...]
    dtype: str
    flops: float
    bytes: float
    bound: str
    floor: float
    rounds: int = 0
    timings: list[Timing] = field(default_factory=list)
    error: str = ""

    @property
    def ours(self) -> list[Timing]:
        return [t for t in self.timings if t.library == "fastnets"]

    @property
    def best_peer(self) -> Timing | None:
        return min((t for t in self.timings if t.library != "fastnets"), key=lambda t: t.ratio, default=None)

    @property
    def speedup(self) -> float:
        """The best peer's time over our best; 0 without a peer."""
        return self.best_peer.ratio / min(t.ratio for t in self.ours) if self.best_peer else 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def host_clock(run: Callable[[], Any], calls: int, now: Callable[[], float] = time.perf_counter) -> float:
    """Return the seconds that a call takes, the mean of `calls`, after one that wakes threads and warms the caches."""
    run()
    start = now()
    for _ in repeat(None, calls):
        run()
    return (now() - start) / calls


def clock_of(place: Place) -> Clock:
    """Return the clock of a device. That of one thread on the host stands while something else runs in its place."""
    if place.device == "cuda":
        return gpu_clock
    return partial(host_clock, now=time.thread_time) if place.threads == 1 else host_clock


def gpu_clock(run: Callable[[], Any], calls: int) -> float:
    """Return the seconds that a call keeps the GPU busy, the mean of `calls`, each with its data out of the cache."""
    import torch

    flush = torch.empty(1 << 28, dtype=torch.uint8, device="cuda")  # several times the second-level cache
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(calls)]
    run()
    for start, end in events:
        flush.zero_()
        start.record()
        run()
        end.record()
    torch.cuda.synchronize()
    return sum(start.elapsed_time(end) for start, end in events) / calls / 1e3


def disagreement(contenders: list[Contender], dtype: str) -> str:
    """Say which contender's result is not the first one's; nothing if they agree."""
    expected = as_numpy(contenders[0].run())
    for contender in contenders[1:]:
        found = as_numpy(contender.run())
        if [a.shape for a in found] != [a.shape for a in expected]:
            return f"{contender.label} returns {[a.shape for a in found]}, not {[a.shape for a in expected]}"
        for i, (a, e) in enumerate(zip(found, expected, strict=True)):
            error = float(np.linalg.norm(a - e) / max(float(np.linalg.norm(e)), np.finfo(np.float32).tiny))
            if not error <= _AGREEMENT[dtype]:
                return f"{contender.label} and {contenders[0].label} differ by {error:.1e} in output {i}"
    return ""


def measure(
    family: str, workload: Workload, peers: list[str], place: Place, ceilings: Ceilings, seconds: float = 3.0
) -> Measurement:
    """Time a workload with fastnets and all peers.

    Parameters
    ----------
    family : str
    workload : Workload
    peers : list of str
        Names of `peers.PEERS`.
    place : Place
    ceilings : Ceilings
    seconds : float
        After which no further round begins, once there are a few.

    Returns
    -------
    Measurement
        With `error` instead of times where the contenders' results differ.
    """
    arrays = workload.draw(np.random.default_rng())
    contenders = [c for library in ("fastnets", *peers) for c in getattr(workload, library)(arrays, place)]
    limit = floor(workload, ceilings)
    result = Measurement(
        family=family,
        name=workload.name,
        rows=workload.rows,
        dtype=workload.dtype,
        flops=workload.flops,
        bytes=workload.bytes,
        bound=limit.bound,
        floor=limit.seconds,
        error=disagreement(contenders, workload.dtype),
    )
    if result.error:
        return result
    clock = clock_of(place)
    calls = [_calls_in_a_sample(c, clock) for c in contenders]
    times: list[list[float]] = [[] for _ in contenders]
    floors: list[float] = []
    end = time.perf_counter() + seconds
    gc.disable()
    try:
        while len(floors) < _MAX_ROUNDS and not (
            len(floors) >= _MIN_ROUNDS and (time.perf_counter() > end or _settled([*times, floors]))
        ):
            first = len(floors) % len(contenders)  # nobody is always behind the same other
            for i in [*range(first, len(contenders)), *range(first)]:
                times[i].append(clock(contenders[i].run, calls[i]))
            floors.append(limit.probe(min(times[0][-1] * calls[0], _LONGEST_PROBE)))
    finally:
        gc.enable()
    result.rounds = len(floors)
    result.floor = statistics.median(floors)
    result.timings = [_timing(c, n, own, times[0], floors) for c, n, own in zip(contenders, calls, times, strict=True)]
    return result


def _calls_in_a_sample(contender: Contender, clock: Clock) -> int:
    taken = clock(contender.run, 1)
    if taken < _SAMPLE_SECONDS:
        taken = clock(contender.run, max(1, int(_SAMPLE_SECONDS / 20 / max(taken, 1e-8))))
    return max(1, math.ceil(_SAMPLE_SECONDS / max(taken, 1e-8)))


def _settled(samples: list[list[float]]) -> bool:
    """Whether the standard error of every median is small (0.93 · IQR/√n, as for a normal distribution)."""
    if len(samples[0]) < 3 * _MIN_ROUNDS:
        return False
    for values in samples:
        low, middle, high = statistics.quantiles(values, n=4)
        if middle and 0.93 * (high - low) / math.sqrt(len(values)) > _PRECISION * middle:
            return False
    return True


def _timing(contender: Contender, calls: int, own: list[float], first: list[float], floors: list[float]) -> Timing:
    low, _, high = statistics.quantiles(own, n=4)
    return Timing(
        library=contender.library,
        label=contender.label,
        median=statistics.median(own),
        quartiles=(low, high),
        best=min(own),
        ratio=statistics.median(a / b for a, b in zip(own, first, strict=True)),
        share=statistics.median(f / t for f, t in zip(floors, own, strict=True)),
        calls=calls,
    )
