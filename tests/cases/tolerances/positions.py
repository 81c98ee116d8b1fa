"""Bounds of rotary_embedding: two products of the pair's elements with the cosine and sine of an angle."""

import numpy as np

from .rounding import accumulator_eps, eps, rounded


def _error(x, positions, base, interleaved, rotary_dim, dtype):
    """(|a| + |b|) · (4 eps: cosine, sine, two products and their sum, and four roundings of the angle in float64).

    Twice that of an angle: the kernel may turn by two angles one after the other; and the power that makes it.
    """
    terms = np.abs(np.asarray(x, np.float64))
    size = terms.shape[-1] if rotary_dim < 0 else rotary_dim
    turned, sums = terms[..., :size], np.zeros(terms.shape)
    if interleaved:
        sums[..., :size] = np.repeat(turned[..., 0::2] + turned[..., 1::2], 2, axis=-1)
    else:
        sums[..., :size] = np.tile(turned[..., : size // 2] + turned[..., size // 2 :], 2)
    angle = np.abs(np.asarray(positions, np.float64))[..., np.newaxis] * np.ones(max(size // 2, 1))
    angle = angle * base ** (-2 * np.arange(angle.shape[-1]) / max(size, 1))
    of_angle = np.zeros((*angle.shape[:-1], terms.shape[-1]))
    per_pair = 8 * eps("float64") * (angle[..., : size // 2] + 1)
    of_angle[..., :size] = np.repeat(per_pair, 2, axis=-1) if interleaved else np.tile(per_pair, 2)
    return sums * (4 * accumulator_eps(dtype) + of_angle)


def rotary_embedding(args, expected):
    error = _error(*args, args[0].dtype)
    return (rounded(error, expected[0], args[0].dtype),)


def rotary_embedding_backward(grad_outputs, args, expected):
    dtype = args[0].dtype
    return rounded(_error(grad_outputs[0], *args[1:], dtype), expected[0], dtype), None
