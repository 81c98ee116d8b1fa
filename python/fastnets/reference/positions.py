"""Positions as rotations of the features.

Letters: L length, D features, of which R turn.
"""

import numpy as np


def _pairs(x, interleaved, rotary_dim):
    """The two elements of each pair, and what does not turn."""
    turned, rest = x[..., :rotary_dim], x[..., rotary_dim:]
    if interleaved:
        return turned[..., 0::2], turned[..., 1::2], rest
    return turned[..., : rotary_dim // 2], turned[..., rotary_dim // 2 :], rest


def _whole(a, b, rest, interleaved):
    """The way back from the pairs."""
    turned = np.concatenate([a, b], axis=-1)
    if interleaved:
        turned = np.stack([a, b], axis=-1).reshape(turned.shape)
    return np.concatenate([turned, rest], axis=-1)


def _turn(x, positions, base, interleaved, rotary_dim, sign):
    R = x.shape[-1] if rotary_dim < 0 else rotary_dim
    a, b, rest = _pairs(np.asarray(x, np.float64), interleaved, R)
    angle = np.asarray(positions, np.float64)[..., np.newaxis] * base ** (-2 * np.arange(R // 2) / max(R, 1))
    cos, sin = np.cos(angle), sign * np.sin(angle)
    return _whole(a * cos - b * sin, b * cos + a * sin, rest, interleaved)


@np.errstate(all="ignore")
def rotary_embedding(input, positions, base, interleaved, rotary_dim):
    """Pairs of features turned by angles that grow with the position.

    ``(a, b) → (a · cos - b · sin, b · cos + a · sin)`` of the angle ``position · base^(-2i / R)``, i the pair's number.

    Parameters
    ----------
    input : (…, L, D) array
    positions : integers that broadcast to (…, L)
    base : float
    interleaved : bool
        Pairs are (2i, 2i + 1), else (i, i + R / 2).
    rotary_dim : int
        R; -1 for D. The other features are copied.

    Returns
    -------
    (…, L, D) float64 array

    Examples
    --------
    >>> rotary_embedding(np.array([[1.0, 0.0]]), np.array([1]), 10000.0, False, -1).round(6).tolist()
    [[0.540302, 0.841471]]
    """
    return _turn(input, positions, base, interleaved, rotary_dim, 1)


@np.errstate(all="ignore")
def rotary_embedding_backward(grad_output, input, positions, base, interleaved, rotary_dim):
    """Gradients of `rotary_embedding`: the output's, turned back.

    Parameters
    ----------
    grad_output : (…, L, D) array
    input, positions, base, interleaved, rotary_dim
        As given to `rotary_embedding`.

    Returns
    -------
    tuple of two: the gradient of input, and None

    Examples
    --------
    >>> x, positions = np.zeros((1, 2)), np.array([0])
    >>> rotary_embedding_backward(np.array([[1.0, 0.0]]), x, positions, 10000.0, False, -1)[0].tolist()
    [[1.0, 0.0]]
    """
    return _turn(grad_output, positions, base, interleaved, rotary_dim, -1), None
