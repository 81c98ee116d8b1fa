"""Bounds of optimizers and of what is done to gradients. Coefficients (1 − β, the bias corrections, lr) are formed in
float64 and rounded once."""

import numpy as np

from ..case import state_dtype
from .rounding import SUM, accumulator_eps, rounded


def _magnitudes(*values):
    return tuple(None if a is None else np.abs(np.asarray(a, np.float64)) for a in values)


def _decayed(g, before, weight_decay, acc):
    """±g + weight_decay · θ: how large at most, and how far off: a coefficient, and one rounding of the sum."""
    terms = g + weight_decay * before
    return terms, acc * (terms + weight_decay * before) if weight_decay else np.zeros(g.shape)


def sgd(args, expected):
    parameter, gradient, buffer, master = args[:4]
    lr, momentum, dampening, weight_decay, nesterov, _, is_first = args[4:]
    theta, b, _ = expected
    acc = accumulator_eps(parameter.dtype)
    g, before, b_last = _magnitudes(gradient, parameter if master is None else master, buffer)
    g, error_g = _decayed(g, before, weight_decay, acc)
    step, error_step, error_b = g, error_g, 0.0
    if momentum:
        share = 1 - dampening
        moving = g if is_first else momentum * b_last + share * g
        # two coefficients, a product, a sum
        error_b = error_g if is_first else share * error_g + 3 * acc * moving
        step, error_step = moving, error_b
        if nesterov:
            step = g + momentum * moving
            error_step = error_g + momentum * error_b + 2 * acc * step
    # lr, its product, a difference
    error_theta = lr * error_step + acc * (before + 3 * lr * step)
    return (
        rounded(error_theta, theta, parameter.dtype),
        None if b is None else rounded(error_b, b, buffer.dtype),
        None if master is None else rounded(error_theta, theta, master.dtype),
    )


def adam(args, expected):
    parameter, gradient, exp_avg, exp_avg_sq, master = args[:5]
    step, lr, beta1, beta2, eps, weight_decay, decoupled, _ = args[5:]
    theta, m, v, _ = expected
    acc = accumulator_eps(parameter.dtype)
    g, m_last, before = _magnitudes(gradient, exp_avg, parameter if master is None else master)
    g, error_g = _decayed(g, before, 0.0 if decoupled else weight_decay, acc)
    # β1 · m + (1 − β1) · g, or m + (1 − β1) · (g − m): 3 roundings of numbers that large
    error_m = 3 * acc * (m_last + (1 - beta1) * (g + m_last)) + (1 - beta1) * error_g
    error_square = (1 - beta2) * error_g * (2 * g + error_g)
    error_v = 4 * acc * v + error_square  # positive terms: 4 roundings
    scale = lr / (1 - beta1**step)
    root = np.sqrt(v) / np.sqrt(1 - beta2**step)
    denominator = root + eps
    update = scale * np.abs(m) / denominator
    with np.errstate(invalid="ignore", divide="ignore"):
        error_root = np.where(v > 0, root * error_square / (2 * v), 0.0)
    # √v to 2 + 1, then 5 roundings, beside what the gradient was off by
    error_update = scale * error_m / denominator + update * (8 * acc + error_root / denominator)
    error_theta = error_update + 2 * acc * (before + update)  # its decay, a coefficient and a product; a difference
    return (
        rounded(error_theta, theta, parameter.dtype),
        rounded(error_m, m, exp_avg.dtype),
        rounded(error_v, v, exp_avg_sq.dtype),
        None if master is None else rounded(error_theta, theta, master.dtype),
    )


def norm(args, expected):
    """A sum of positive terms, each off by a rounding or two, then its root; the largest is a choice."""
    input, previous, p = args
    error = 0.0 if np.isinf(p) else (SUM + 2) / p * accumulator_eps(input.dtype) * expected[0]
    dtype = state_dtype(input.dtype if previous is None else np.promote_types(state_dtype(input.dtype), previous.dtype))
    return (rounded(error, expected[0], dtype),)


def clip(args, expected):
    """A coefficient and a product."""
    return (rounded(2 * accumulator_eps(args[0].dtype) * np.abs(expected[0]), expected[0], args[0].dtype),)


def scale(args, expected):
    """A coefficient and a product; what is found is exact."""
    dtype = state_dtype(args[0].dtype) if args[3] else args[0].dtype
    error = 2 * accumulator_eps(args[0].dtype) * np.abs(expected[0])
    return (rounded(error, expected[0], dtype), *(np.zeros(()) for _ in expected[1:]))


def add(args, expected):
    return (rounded(accumulator_eps(args[0].dtype) * np.abs(expected[0]), expected[0], args[0].dtype),)
