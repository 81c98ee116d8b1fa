"""Where a token stands: as rotations, as waves that are added, as slopes of attention's scores."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import arrays
from ..backends import ops

__all__ = ["alibi_slopes", "rotary_embedding", "sinusoidal_positions"]

_rotary_embedding = ops.rotary_embedding


def rotary_embedding(
    input: Any, positions: Any, *, base: float = 10000.0, interleaved: bool = False, rotary_dim: int | None = None
) -> Any:
    """Turn pairs of features by angles that grow with the position, so that products of two depend on their distance.

    Pair i of R / 2, of the elements a and b, becomes ``(a · cos φ - b · sin φ, b · cos φ + a · sin φ)`` with
    ``φ = position · base^(-2i / R)``.

    Parameters
    ----------
    input : array (…, L, D)
        Queries or keys: float32, bfloat16, float16 or float64.
    positions : integers (L,), or broadcastable to (…, L)
        int32 or int64; may be NumPy beside any library.
    base : float
        Of the wavelengths, which grow from 2π to 2π · base.
    interleaved : bool
        Pairs are (2i, 2i + 1), as in GPT-J; else (i, i + R / 2), as in Llama.
    rotary_dim : int, optional
        R, even: how many of the first features turn; by default all.

    Returns
    -------
    array (…, L, D)

    Raises
    ------
    TypeError
        What is no array, positions that are no integers.
    ValueError
        Positions that do not broadcast, an odd or too large rotary_dim, a base that is not positive.

    References
    ----------
    Su and others: RoFormer, enhanced transformer with rotary position embedding, 2021,
    https://arxiv.org/abs/2104.09864

    Examples
    --------
    >>> import numpy as np, fastnets.functional as F
    >>> F.rotary_embedding(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1])).round(3)
    array([[1.   , 0.   ],
           [0.54 , 0.841]])
    """
    if rotary_dim is not None and rotary_dim < 0:
        raise ValueError(f"rotary_embedding: rotary_dim is {rotary_dim} but must be even and not negative")
    return _rotary_embedding(
        input, arrays.beside(input, positions), base, interleaved, -1 if rotary_dim is None else rotary_dim
    )


def sinusoidal_positions(length: int, dim: int) -> NDArray[np.float32]:
    """Return waves of geometrically growing length: ``sin(t / 10000^(2i / dim))`` in column 2i, cos in column 2i + 1.

    Parameters
    ----------
    length : int
        How many positions t, from 0 on.
    dim : int
        How many columns.

    Returns
    -------
    numpy.ndarray (length, dim)
        float32, rounded from float64.

    Raises
    ------
    ValueError
        For a negative size.

    References
    ----------
    Vaswani and others: Attention is all you need, 2017, https://arxiv.org/abs/1706.03762

    Examples
    --------
    >>> import fastnets.functional as F
    >>> F.sinusoidal_positions(2, 2).round(3)
    array([[0.   , 1.   ],
           [0.841, 0.54 ]], dtype=float32)
    """
    length, dim = _size("sinusoidal_positions", "length", length), _size("sinusoidal_positions", "dim", dim)
    column = np.arange(dim)
    angle = np.arange(length)[:, np.newaxis] * 10000.0 ** (-2 * (column // 2) / max(dim, 1))
    return np.where(column % 2 == 0, np.sin(angle), np.cos(angle)).astype(np.float32)


def alibi_slopes(heads: int) -> NDArray[np.float32]:
    """Return the slopes of attention with linear biases: ``2^(-8h / heads)`` for h = 1 … heads.

    Where heads is no power of two, n is the largest below it: the n slopes of n heads, then every second one of those
    of 2n heads, beginning with the first.

    Parameters
    ----------
    heads : int

    Returns
    -------
    numpy.ndarray (heads,)
        float32, for `scaled_dot_product_attention`.

    Raises
    ------
    ValueError
        For a negative number.

    References
    ----------
    Press, Smith, Lewis: Train short, test long, 2021, https://arxiv.org/abs/2108.12409

    Examples
    --------
    >>> import fastnets.functional as F
    >>> F.alibi_slopes(4)
    array([0.25      , 0.0625    , 0.015625  , 0.00390625], dtype=float32)
    """
    heads = _size("alibi_slopes", "heads", heads)
    n = 1 << max(heads.bit_length() - 1, 0)  # the largest power of two

    def of_power(count: int) -> NDArray[np.float64]:
        return 2.0 ** (-8 * np.arange(1, count + 1) / count)

    return np.concatenate([of_power(n), of_power(2 * n)[::2]])[:heads].astype(np.float32)


def _size(function: str, name: str, value: Any) -> int:
    try:
        size = operator.index(value)
    except TypeError:
        raise TypeError(f"{function}: {name} is {value!r} but an integer is expected") from None
    if size < 0:
        raise ValueError(f"{function}: {name} is {size} but at least 0 is expected")
    return size
