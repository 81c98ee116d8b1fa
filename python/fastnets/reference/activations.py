"""Elementwise activations y = f(x) and their gradients dx = dy · f'(x)."""

import math

import numpy as np

_erfc = np.vectorize(math.erfc, otypes=[np.float64])  # NumPy has none


def _normal_cdf(x):
    return 0.5 * _erfc(-x / math.sqrt(2))  # erfc keeps the digits that 1 + erf loses in the lower tail


def _normal_pdf(x):
    return np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _relu(x, alpha):
    return np.where(x <= 0, 0.0, x)


def _relu_backward(dy, x, alpha):
    return np.where(x <= 0, 0.0, dy)


def _gelu(x, alpha):
    return x * _normal_cdf(x)


def _gelu_backward(dy, x, alpha):
    return dy * (_normal_cdf(x) + x * _normal_pdf(x))


_SQRT_2_OVER_PI, _CUBIC = math.sqrt(2 / math.pi), 0.044715


def _gelu_tanh(x, alpha):
    return 0.5 * x * (1 + np.tanh(_SQRT_2_OVER_PI * (x + _CUBIC * x**3)))


def _gelu_tanh_backward(dy, x, alpha):
    t = np.tanh(_SQRT_2_OVER_PI * (x + _CUBIC * x**3))
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * _SQRT_2_OVER_PI * (1 + 3 * _CUBIC * x * x))


def _sigmoid(x, alpha):
    return 1 / (1 + np.exp(-x))


def _sigmoid_backward(dy, x, alpha):
    s = _sigmoid(x, alpha)
    return dy * s * (1 - s)


def _silu(x, alpha):
    return x * _sigmoid(x, alpha)


def _silu_backward(dy, x, alpha):
    s = _sigmoid(x, alpha)
    return dy * s * (1 + x * (1 - s))


def _tanh(x, alpha):
    return np.tanh(x)


def _tanh_backward(dy, x, alpha):
    return dy * (1 - np.tanh(x) ** 2)


def _leaky_relu(x, alpha):
    return np.where(x > 0, x, alpha * x)


def _leaky_relu_backward(dy, x, alpha):
    return np.where(x > 0, dy, alpha * dy)


def _elu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(x))


def _elu_backward(dy, x, alpha):
    return np.where(x > 0, dy, dy * alpha * np.exp(x))


_FORWARD_AND_BACKWARD = {
    "relu": (_relu, _relu_backward),
    "gelu": (_gelu, _gelu_backward),
    "gelu_tanh": (_gelu_tanh, _gelu_tanh_backward),
    "silu": (_silu, _silu_backward),
    "tanh": (_tanh, _tanh_backward),
    "sigmoid": (_sigmoid, _sigmoid_backward),
    "leaky_relu": (_leaky_relu, _leaky_relu_backward),
    "elu": (_elu, _elu_backward),
}


@np.errstate(all="ignore")
def activation(input, kind, alpha):
    """Apply one of the activations, element by element.

    ========== ===================================================
    kind       y
    ========== ===================================================
    relu       max(x, 0)
    gelu       x · Φ(x), Φ the normal distribution function
    gelu_tanh  x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))
    silu       x · sigmoid(x)
    tanh       tanh(x)
    sigmoid    1 / (1 + exp(−x))
    leaky_relu x where x > 0, alpha · x elsewhere
    elu        x where x > 0, alpha · (exp(x) − 1) elsewhere
    ========== ===================================================

    Parameters
    ----------
    input : array of any shape and float dtype
    kind : str
    alpha : float
        The negative slope of ``leaky_relu``, the alpha of ``elu``; the others ignore it.

    Returns
    -------
    float64 array of the input's shape

    References
    ----------
    Hendrycks and Gimpel, "Gaussian Error Linear Units", arXiv:1606.08415 (gelu, gelu_tanh, silu);
    Clevert et al., "Fast and Accurate Deep Network Learning by ELUs", arXiv:1511.07289.

    Examples
    --------
    >>> activation([-2.0, 3.0], "leaky_relu", 0.1).tolist()
    [-0.2, 3.0]
    """
    forward, _ = _FORWARD_AND_BACKWARD[kind]
    return forward(np.asarray(input, np.float64), alpha)


@np.errstate(all="ignore")
def activation_backward(grad_output, input, kind, alpha):
    """Gradient of `activation`: dx = dy · f'(x).

    At the kink of ``relu``, ``leaky_relu`` and ``elu`` the derivative is the one from the left, as in PyTorch.

    Parameters
    ----------
    grad_output : array of the input's shape
    input, kind, alpha
        As given to `activation`.

    Returns
    -------
    tuple of one float64 array, the gradient of ``input``

    Examples
    --------
    >>> (dx,) = activation_backward([1.0, 1.0], [-2.0, 3.0], "leaky_relu", 0.1)
    >>> dx.tolist()
    [0.1, 1.0]
    """
    _, backward = _FORWARD_AND_BACKWARD[kind]
    return (backward(np.asarray(grad_output, np.float64), np.asarray(input, np.float64), alpha),)


def fused(z, kind):
    """The activation at the end of `linear` and `conv`: f(z), or z itself where kind is None."""
    return z if kind is None else activation(z, kind, 0.0)


def fused_backward(dy, z, kind):
    """Gradient of `fused`: dz = dy · f'(z), or dy itself where kind is None."""
    return dy if kind is None else activation_backward(dy, z, kind, 0.0)[0]
