"""The randomness of a run: one seed for initial parameters and for dropout.

Two independent streams grow from the seed, so that how often dropout drew does not change how the next layer is
initialised. Both are safe to draw from in several threads; which thread gets which number is then up to the threads.
"""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_seed", "normal", "seed", "skip_drawing", "uniform", "xavier_uniform"]

_lock = threading.Lock()
_skips = ContextVar("_skips", default=False)


def _streams(entropy: int | None) -> tuple[np.random.Generator, np.random.Generator]:
    initialisation, dropout = np.random.SeedSequence(entropy).spawn(2)
    return np.random.Generator(np.random.Philox(initialisation)), np.random.Generator(np.random.Philox(dropout))


_initialisation, _dropout = _streams(None)


def seed(n: int) -> None:
    """Restart both streams, so that what follows draws the same numbers in every run.

    Parameters
    ----------
    n : int
        Any integer from -2⁶³ to 2⁶⁴ - 1, torch's range; a negative one counts as n + 2⁶⁴.

    Raises
    ------
    TypeError
        If `n` is not an integer.
    ValueError
        If `n` is out of range.

    Examples
    --------
    >>> import fastnets as fn
    >>> fn.random.seed(0)
    >>> first = fn.nn.Linear(2, 3).weight
    >>> fn.random.seed(0)
    >>> bool((fn.nn.Linear(2, 3).weight == first).all())
    True
    """
    global _initialisation, _dropout
    try:
        value = operator.index(n)
    except TypeError:
        raise TypeError(f"seed: expected an integer but got {n!r}") from None
    if not -(2**63) <= value < 2**64:
        raise ValueError(f"seed: {value} is outside [-2**63, 2**64)")
    with _lock:
        _initialisation, _dropout = _streams(value % 2**64)


def draw_seed() -> int:
    """Draw a seed for one random operation: what ``F.dropout(input, seed=None)`` uses.

    Returns
    -------
    int
        Uniform on [0, 2⁶³), so that it fits an int64.

    Examples
    --------
    >>> import fastnets as fn
    >>> fn.random.seed(0)
    >>> 0 <= fn.random.draw_seed() < 2**63
    True
    """
    with _lock:
        return int(_dropout.integers(2**63))


@contextmanager
def skip_drawing() -> Iterator[None]:
    """Let initial parameters be zeros inside a ``with`` block of this thread or task: what is loaded need not be drawn.

    Examples
    --------
    >>> import fastnets as fn
    >>> with fn.random.skip_drawing():
    ...     layer = fn.nn.Linear(2, 3)
    >>> bool(layer.weight.any())
    False
    """
    token = _skips.set(True)
    try:
        yield
    finally:
        _skips.reset(token)


def uniform(low: float, high: float, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Draw float32 numbers from U(low, high), for initial parameters.

    Parameters
    ----------
    low, high : float
        The interval's ends, ``low`` included.
    shape : tuple of int
        Shape of the result.

    Returns
    -------
    numpy.ndarray
        float32, contiguous, of the shape asked for.

    Examples
    --------
    >>> import fastnets as fn
    >>> fn.random.uniform(-1.0, 1.0, (2, 3)).shape
    (2, 3)
    """
    if _skips.get():
        return np.zeros(shape, np.float32)
    with _lock:
        return _initialisation.uniform(low, high, shape).astype(np.float32)


def normal(mean: float, std: float, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Draw float32 numbers from N(mean, std²), for initial parameters.

    Parameters
    ----------
    mean, std : float
        The distribution's mean and standard deviation.
    shape : tuple of int
        Shape of the result.

    Returns
    -------
    numpy.ndarray
        float32, contiguous, of the shape asked for.

    Examples
    --------
    >>> import fastnets as fn
    >>> fn.random.normal(0.0, 1.0, (2, 3)).shape
    (2, 3)
    """
    if _skips.get():
        return np.zeros(shape, np.float32)
    with _lock:
        return _initialisation.normal(mean, std, shape).astype(np.float32)


def xavier_uniform(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Draw float32 numbers from U(-a, a) with ``a = √(6 / (fan_in + fan_out))``, for initial weights.

    Parameters
    ----------
    shape : tuple of int
        (out, in, …) of the weight; the fans are out and in, times the elements of what follows.

    Returns
    -------
    numpy.ndarray
        float32, contiguous, of the shape asked for.

    References
    ----------
    Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010

    Examples
    --------
    >>> import fastnets as fn
    >>> fn.random.xavier_uniform((2, 3)).shape
    (2, 3)
    """
    fans = sum(shape[:2]) * math.prod(shape[2:])
    bound = math.sqrt(6 / fans) if fans else 0.0
    return uniform(-bound, bound, tuple(shape))
