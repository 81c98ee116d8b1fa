"""Optimizers: one step of an update rule, and what is done to gradients before it.

The backends update their arrays in place; the update rules here return new ones.
"""

import numpy as np


@np.errstate(all="ignore")
def sgd(
    parameter, gradient, momentum_buffer, master,
    lr, momentum, dampening, weight_decay, nesterov, maximize, is_first,
):  # fmt: skip
    """One step of gradient descent, in torch.optim.SGD's formula.

    g' = ±g + weight_decay · θ,  − where it is to be maximized
    b' = momentum · b + (1 − dampening) · g', in the first step g'
    θ' = θ − lr · (b', with Nesterov's momentum g' + momentum · b', without any g')

    Parameters
    ----------
    parameter, gradient : arrays of one shape
        θ, g.
    momentum_buffer : array of the same shape or None
        b; read only with a momentum.
    master : array of the same shape or None
        As in `adam`.
    lr, momentum, dampening, weight_decay : float
    nesterov, maximize : bool
    is_first : bool
        b holds nothing yet.

    Returns
    -------
    (parameter, momentum_buffer, master), float64, None where it was None

    References
    ----------
    Sutskever and others, "On the importance of initialization and momentum in deep learning", 2013.

    Examples
    --------
    >>> theta, b, _ = sgd([1.0], [0.5], [0.25], None, 0.5, 0.5, 0.0, 0.0, False, False, False)
    >>> theta.tolist(), b.tolist()
    ([0.6875], [0.625])
    """
    theta = np.asarray(parameter if master is None else master, np.float64)
    g = np.asarray(gradient, np.float64) * (-1 if maximize else 1)
    b = None if momentum_buffer is None else np.asarray(momentum_buffer, np.float64)
    if weight_decay:
        g = g + weight_decay * theta
    if momentum:
        b = g if is_first else momentum * b + (1 - dampening) * g
        g = g + momentum * b if nesterov else b
    theta = theta - lr * g
    return theta, b, None if master is None else theta


@np.errstate(all="ignore")
def adam(
    parameter, gradient, exp_avg, exp_avg_sq, master,
    step, lr, beta1, beta2, eps, weight_decay, decoupled_weight_decay, maximize,
):  # fmt: skip
    """One step of Adam, in torch.optim.Adam's formula.

    g' = ±g + weight_decay · θ,  − where it is to be maximized
    or with decoupled decay g' = ±g, and θ becomes θ · (1 − lr · weight_decay) before the step
    m' = β1 · m + (1 − β1) · g'
    v' = β2 · v + (1 − β2) · g'²
    θ' = θ − lr/(1 − β1ᵗ) · m' / (√v' / √(1 − β2ᵗ) + ε)

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
    decoupled_weight_decay, maximize : bool

    Returns
    -------
    (parameter, exp_avg, exp_avg_sq, master), float64, master None where it was None

    References
    ----------
    Kingma and Ba, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980; Loshchilov and Hutter, "Decoupled
    Weight Decay Regularization", arXiv:1711.05101.

    Examples
    --------
    >>> theta, m, v, _ = adam([1.0], [0.5], [0.0], [0.0], None, 1, 0.1, 0.9, 0.999, 0.0, 0.01, True, False)
    >>> round(float(theta[0]), 12), round(float(m[0]), 12), round(float(v[0]), 12)
    (0.899, 0.05, 0.00025)
    """
    theta = np.asarray(parameter if master is None else master, np.float64)
    g, m, v = (np.asarray(a, np.float64) for a in (gradient, exp_avg, exp_avg_sq))
    g = -g if maximize else g
    if decoupled_weight_decay:
        theta = theta * (1 - lr * weight_decay)
    elif weight_decay:
        g = g + weight_decay * theta
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    bias_correction1, bias_correction2 = 1 - beta1**step, 1 - beta2**step
    denominator = np.sqrt(v) / np.sqrt(bias_correction2) + eps
    theta = theta - lr / bias_correction1 * m / denominator
    return theta, m, v, None if master is None else theta


@np.errstate(all="ignore")
def norm(input, previous, norm_type):
    """The p-norm of an array and of what came before: (Σ |x|ᵖ + previousᵖ)^(1/p), the largest for p = ∞.

    Parameters
    ----------
    input : array
    previous : 0-d array or None
    norm_type : float
        p, above 0.

    Returns
    -------
    0-d float64 array

    Examples
    --------
    >>> float(norm([2.0, -3.0], 6.0, 2.0)), float(norm([2.0, -3.0], None, np.inf))
    (7.0, 3.0)
    """
    x, before = np.abs(np.asarray(input, np.float64)), np.asarray(0.0 if previous is None else previous, np.float64)
    if np.isinf(norm_type):
        return np.asarray(np.max([before, *x.reshape(-1)]))
    return np.asarray(((x**norm_type).sum() + before**norm_type) ** (1 / norm_type))


@np.errstate(all="ignore")
def clip(input, norm, max_norm):
    """A gradient made smaller where the norm of all is too large: x · min(1, max_norm / (norm + 10⁻⁶)).

    Examples
    --------
    >>> clip([3.0, 4.0], 2.0, 5.0).tolist()
    [3.0, 4.0]
    """
    quotient = max_norm / (np.asarray(norm, np.float64) + 1e-6)
    return np.asarray(input, np.float64) * np.minimum(1.0, quotient)


@np.errstate(all="ignore")
def scale(input, previous, factor, unscale):
    """x · factor and, to unscale, whether an element of x is not finite or one was before: 1 or 0.

    Examples
    --------
    >>> y, found = scale([2.0, np.inf], None, 0.5, True)
    >>> y.tolist(), float(found)
    ([1.0, inf], 1.0)
    """
    x = np.asarray(input, np.float64)
    if not unscale:
        return x * factor
    before = previous is not None and bool(np.asarray(previous))
    return x * factor, np.asarray(float(before or not np.isfinite(x).all()))


@np.errstate(all="ignore")
def add(input, other):
    """The sum of two gradients.

    Examples
    --------
    >>> add([1.0], [2.0]).tolist()
    [3.0]
    """
    return np.asarray(input, np.float64) + np.asarray(other, np.float64)
