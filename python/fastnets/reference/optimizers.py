"""Optimizers: one step of an update rule."""

import numpy as np


@np.errstate(all="ignore")
def adamw(parameter, gradient, exp_avg, exp_avg_sq, master, step, lr, beta1, beta2, eps, weight_decay):
    """One step of Adam with decoupled weight decay, in torch.optim.AdamW's formula.

    m' = β1 · m + (1 − β1) · g
    v' = β2 · v + (1 − β2) · g²
    θ' = θ · (1 − lr · weight_decay) − lr/(1 − β1ᵗ) · m' / (√v' / √(1 − β2ᵗ) + ε)

    The backends update their arrays in place; this returns new ones.

    Parameters
    ----------
    parameter, gradient, exp_avg, exp_avg_sq : arrays of one shape
        θ, g, m, v.
    master : array of the same shape or None
        Float32 master copy of a half-precision parameter: the step is done on it, and the parameter becomes its
        rounded copy (here, in float64, unrounded).
    step : int
        t, 1 at the first step.
    lr, beta1, beta2, eps, weight_decay : float

    Returns
    -------
    (parameter, exp_avg, exp_avg_sq, master), float64, master None where it was None

    References
    ----------
    Loshchilov and Hutter, "Decoupled Weight Decay Regularization", arXiv:1711.05101.

    Examples
    --------
    >>> theta, m, v, _ = adamw([1.0], [0.5], [0.0], [0.0], None, 1, 0.1, 0.9, 0.999, 0.0, 0.01)
    >>> round(float(theta[0]), 12), round(float(m[0]), 12), round(float(v[0]), 12)
    (0.899, 0.05, 0.00025)
    """
    theta = np.asarray(parameter if master is None else master, np.float64)
    g, m, v = (np.asarray(a, np.float64) for a in (gradient, exp_avg, exp_avg_sq))
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    bias_correction1, bias_correction2 = 1 - beta1**step, 1 - beta2**step
    denominator = np.sqrt(v) / np.sqrt(bias_correction2) + eps
    theta = theta * (1 - lr * weight_decay) - lr / bias_correction1 * m / denominator
    return theta, m, v, None if master is None else theta
