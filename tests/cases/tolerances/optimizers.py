"""Bounds of adamw. Coefficients (1 − β, the bias corrections) are formed in float64 and rounded once."""

import numpy as np

from .rounding import accumulator_eps, rounded


def adamw(args, expected):
    parameter, gradient, exp_avg, exp_avg_sq, master = args[:5]
    step, lr, beta1, beta2, eps, _ = args[5:]
    theta, m, v, _ = expected
    acc = accumulator_eps(parameter.dtype)
    g, m_last = np.abs(np.asarray(gradient, np.float64)), np.abs(np.asarray(exp_avg, np.float64))
    # β1 · m + (1 − β1) · g, or m + (1 − β1) · (g − m): 3 roundings of numbers that large
    error_m = 3 * acc * (m_last + (1 - beta1) * (g + m_last))
    error_v = 4 * acc * v  # positive terms: 4 roundings
    scale = lr / (1 - beta1**step)
    denominator = np.sqrt(v) / np.sqrt(1 - beta2**step) + eps
    update = scale * np.abs(m) / denominator
    error_update = scale * error_m / denominator + 8 * acc * update  # √v to 2 + 1, then 5 roundings
    before = np.abs(np.asarray(parameter if master is None else master, np.float64))
    error_theta = error_update + 2 * acc * (before + update)  # its decay, a coefficient and a product; a difference
    return (
        rounded(error_theta, theta, parameter.dtype),
        rounded(error_m, m, exp_avg.dtype),
        rounded(error_v, v, exp_avg_sq.dtype),
        None if master is None else rounded(error_theta, theta, master.dtype),
    )
