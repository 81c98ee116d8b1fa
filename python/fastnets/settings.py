"""What holds for the whole process: threads, instruction set, memory."""

from __future__ import annotations

import operator

from . import _cpu, backends

__all__ = [
    "cpu_isas",
    "num_threads",
    "release_memory",
    "set_cpu_isa",
    "set_float32_precision",
    "set_num_threads",
    "set_value_checks",
]

_PRECISIONS = ("ieee", "tf32x3", "tf32")


def set_num_threads(n: int) -> None:
    """Let a call use at most `n` threads. Results do not depend on it.

    Without it, `FASTNETS_NUM_THREADS` counts, and without that the physical cores that affinity and the control group's
    quota allow.

    Parameters
    ----------
    n : int
        At least 1.
    """
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError(f"set_num_threads: n must be an integer, got {n!r}") from None
    if not 1 <= n <= 1024:
        raise ValueError(f"set_num_threads: n is {n} but must be between 1 and 1024")
    _cpu.set_num_threads(n)


def num_threads() -> int:
    """Return how many threads a call uses at most."""
    return int(_cpu.num_threads())


def cpu_isas() -> list[str]:
    """Return the instruction sets that this machine runs and this build has, best first."""
    return list(_cpu.isas())


def set_cpu_isa(name: str) -> None:
    """Compute with one of `cpu_isas()`; by default the best, or what `FASTNETS_CPU_ISA` names.

    Raises
    ------
    ValueError
        This machine does not run it.
    """
    _cpu.set_isa(name)


def set_float32_precision(precision: str) -> None:
    """Choose how the matrix products in ops on float32 arrays are formed on a GPU.

    Parameters
    ----------
    precision : {"ieee", "tf32x3", "tf32"}
        "ieee", at first: fused multiply-adds in float32. "tf32": on the tensor cores, with operands rounded to 11
        significant bits, so that a product errs by up to 2⁻¹⁰ of itself. "tf32x3": each operand as the sum of two such
        numbers and three products of them, so that it errs by 2⁻²⁰; an infinite operand may give NaN. Sums are formed
        in float32 in all three.

    Raises
    ------
    ValueError
        For another name.

    Notes
    -----
    Sums on the CPU are always formed as "ieee" says. A call keeps to what was chosen when it began.

    References
    ----------
    Ootomo and Yokota: Recovering single precision accuracy from Tensor Cores while surpassing the FP32 theoretical peak
    performance, 2022

    Examples
    --------
    >>> import fastnets as fn
    >>> fn.set_float32_precision("ieee")
    """
    if precision not in _PRECISIONS:
        raise ValueError(
            f"set_float32_precision: precision is {precision!r} but must be one of {', '.join(_PRECISIONS)}"
        )
    for backend in ("cuda", "cuda-emulated"):
        try:
            loaded = backends.module(backend)
        except RuntimeError:
            continue
        loaded.set_float32_precision(precision)


def set_value_checks(enabled: bool) -> None:
    """Check class labels, token ids, lengths and the like on a GPU before an op runs, as is always done in host memory.

    Off at first: a kernel that meets a bad value reads nothing out of bounds and gives NaN for what depends on it.

    Parameters
    ----------
    enabled : bool
        True waits for the GPU in every call that takes such integers, and raises ValueError for a bad one; a call
        cannot be captured in a CUDA graph then.
    """
    if not isinstance(enabled, bool):
        raise TypeError(f"set_value_checks: enabled must be True or False, got {enabled!r}")
    try:
        loaded = backends.module("cuda")
    except RuntimeError:
        return  # without the CUDA backend all values are in host memory
    loaded.set_value_checks(enabled)


def release_memory() -> int:
    """Free the scratch memory that is kept from call to call.

    Returns
    -------
    int
        How many bytes the calling thread held: the most that a call from it needed since the last time, beside its
        results. The other threads' memory is freed too, and not counted.
    """
    return _cpu.release_memory()
