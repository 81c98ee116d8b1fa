"""Losses.

Letters: N samples, that is the batch and all further dimensions d… flattened; C classes.
"""

import math

import numpy as np

from .softmax import softmax_of_rows


def class_axis_of(x):
    return 1 if x.ndim > 1 else 0


def rows_of(a, class_axis):
    """(N, C, d…) or (C,) flattened to (N·d, C)."""
    a = np.moveaxis(a, class_axis, -1)
    return a.reshape(math.prod(a.shape[:-1]), a.shape[-1])


def from_rows(rows, like, class_axis):
    return np.moveaxis(rows.reshape(np.moveaxis(like, class_axis, -1).shape), -1, class_axis)


def reduced(terms, reduction, denominator):
    return terms if reduction == "none" else terms.sum() / denominator if reduction == "mean" else terms.sum()


def target_distribution(target, w, class_axis, ignore_index, label_smoothing):
    """The smoothed target t (N, C), zero in ignored samples, and the denominator of the mean."""
    C = len(w)
    if np.issubdtype(target.dtype, np.integer):
        label = target.reshape(-1)
        taken = label != ignore_index
        t = (1 - label_smoothing) * (label[:, np.newaxis] == np.arange(C)) + label_smoothing / C
        return t * taken[:, np.newaxis], w[label[taken]].sum()
    t = (1 - label_smoothing) * rows_of(target.astype(np.float64), class_axis) + label_smoothing / C
    return t, np.float64(len(t))


def _product(w, t, a, has_labels):
    """w · t · a. A class that a label rules out takes no part, infinite or not; a probability of 0 is a factor."""
    product = w * t * a
    return np.where(t == 0, 0.0, product) if has_labels else product


@np.errstate(all="ignore")
def cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing):
    """Cross-entropy between logits and labels, or class probabilities.

    With log p = log_softmax(x) and t the target distribution, (1 − ε) · target + ε/C for label smoothing ε,

    l[n] = −Σ_c w[c] · t[n, c] · log p[n, c]

    and the mean divides Σ l by Σ_n w[target[n]] over the samples not ignored, or by their number N where the target
    is probabilities. The mean over no sample is NaN.

    Parameters
    ----------
    input : (N, C, d…) or (C,) array
        Logits.
    target : (N, d…) or () integer array, or float array of the input's shape
        Labels in [0, C) or ``ignore_index``, or class probabilities.
    weight : (C,) array or None
    ignore_index : int
        Samples with this label count nowhere. Without meaning for probabilities.
    reduction : str
        mean, sum or none.
    label_smoothing : float in [0, 1]

    Returns
    -------
    float64 array, 0-d, or (N, d…) with reduction none

    References
    ----------
    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", arXiv:1512.00567 (label smoothing).

    Examples
    --------
    >>> round(float(cross_entropy([[0.0, 1.0, 2.0]], [1], None, -100, "mean", 0.0)), 6)
    1.407606
    """
    x, target = np.asarray(input, np.float64), np.asarray(target)
    class_axis, has_labels = class_axis_of(x), np.issubdtype(target.dtype, np.integer)
    log_p = softmax_of_rows(rows_of(x, class_axis), True)
    w = np.ones(log_p.shape[1]) if weight is None else np.asarray(weight, np.float64)
    t, denominator = target_distribution(target, w, class_axis, ignore_index, label_smoothing)
    loss = -_product(w, t, log_p, has_labels).sum(axis=1)
    return reduced(loss.reshape(x.shape[:class_axis] + x.shape[class_axis + 1 :]), reduction, denominator)


@np.errstate(all="ignore")
def cross_entropy_backward(grad_output, input, target, weight, ignore_index, reduction, label_smoothing):
    """Gradient of `cross_entropy`: dx[n, c] = g[n] · (p[n, c] · Σ_c' w[c'] · t[n, c'] − w[c] · t[n, c]),

    where g is the loss's gradient, divided by the mean's denominator. Class probabilities have a gradient too,
    −g[n] · (1 − ε) · w[c] · log p[n, c]; labels and class weights have none.

    Parameters
    ----------
    grad_output : array of the output's shape
    input, target, weight, ignore_index, reduction, label_smoothing
        As given to `cross_entropy`.

    Returns
    -------
    (dinput, dtarget, None), float64; dtarget None for labels

    Examples
    --------
    >>> dx, _, _ = cross_entropy_backward(1.0, [[0.0, 0.0]], [1], None, -100, "mean", 0.0)
    >>> dx.tolist()
    [[0.5, -0.5]]
    """
    x, target, g = np.asarray(input, np.float64), np.asarray(target), np.asarray(grad_output, np.float64)
    class_axis, has_labels = class_axis_of(x), np.issubdtype(target.dtype, np.integer)
    log_p = softmax_of_rows(rows_of(x, class_axis), True)
    w = np.ones(log_p.shape[1]) if weight is None else np.asarray(weight, np.float64)
    t, denominator = target_distribution(target, w, class_axis, ignore_index, label_smoothing)
    g = g.reshape(-1, 1) / (denominator if reduction == "mean" else 1.0)  # (N, 1), or (1, 1) for all samples
    dlog_p = -_product(w, t, g, has_labels)
    dx = dlog_p - np.exp(log_p) * dlog_p.sum(axis=1, keepdims=True)
    dt = None if has_labels else from_rows(-g * (1 - label_smoothing) * w * log_p, x, class_axis)
    return from_rows(dx, x, class_axis), dt, None


@np.errstate(all="ignore")
def nll_loss(input, target, weight, ignore_index, reduction):
    """Negative log-likelihood of labels: l[n] = −w[target[n]] · x[n, target[n]].

    The mean divides by Σ_n w[target[n]] over the samples not ignored; over no sample it is NaN.

    Parameters
    ----------
    input : (N, C, d…) or (C,) array
        Log-probabilities.
    target : (N, d…) or () integer array
        Labels in [0, C) or ``ignore_index``.
    weight : (C,) array or None
    ignore_index : int
        Samples with this label count nowhere.
    reduction : str
        mean, sum or none.

    Returns
    -------
    float64 array, 0-d, or (N, d…) with reduction none

    Examples
    --------
    >>> float(nll_loss([[-1.0, -2.0], [-3.0, -4.0]], [1, 0], None, -100, "mean"))
    2.5
    """
    x, label = np.asarray(input, np.float64), np.asarray(target)
    rows, label_weight, label = _labelled_rows(x, label, weight, ignore_index)
    picked = -label_weight * rows[np.arange(len(rows)), label]
    terms = np.where(np.asarray(target).reshape(-1) == ignore_index, 0.0, picked)
    return reduced(terms.reshape(np.shape(target)), reduction, label_weight.sum())


def _labelled_rows(x, label, weight, ignore_index):
    """Rows (N, C), the weights of their labels, 0 for ignored ones, and the labels, 0 for ignored ones."""
    rows, label = rows_of(x, class_axis_of(x)), label.reshape(-1)
    taken = label != ignore_index
    label = np.where(taken, label, 0)
    w = np.ones(rows.shape[1]) if weight is None else np.asarray(weight, np.float64)
    return rows, np.where(taken, w[label], 0.0), label


@np.errstate(all="ignore")
def nll_loss_backward(grad_output, input, target, weight, ignore_index, reduction):
    """Gradient of `nll_loss`: dx[n, target[n]] = −g[n] · w[target[n]], 0 elsewhere.

    g is the loss's gradient, divided by the mean's denominator.

    Parameters
    ----------
    grad_output : array of the output's shape
    input, target, weight, ignore_index, reduction
        As given to `nll_loss`.

    Returns
    -------
    (dinput, None, None), float64

    Examples
    --------
    >>> dx, _, _ = nll_loss_backward(1.0, [[-1.0, -2.0]], [1], None, -100, "sum")
    >>> dx.tolist()
    [[0.0, -1.0]]
    """
    x, g = np.asarray(input, np.float64), np.asarray(grad_output, np.float64)
    rows, label_weight, label = _labelled_rows(x, np.asarray(target), weight, ignore_index)
    g = g.reshape(-1) / (label_weight.sum() if reduction == "mean" else 1.0)
    dx = np.zeros(rows.shape)
    taken = np.asarray(target).reshape(-1) != ignore_index
    dx[np.flatnonzero(taken), label[taken]] = (-g * label_weight)[taken]
    return from_rows(dx, x, class_axis_of(x)), None, None


@np.errstate(all="ignore")
def mse_loss(input, target, weight, reduction):
    """Squared error: l = w · (x − t)², the mean of which divides by Σ w, or without weights by their number.

    Parameters
    ----------
    input, target : arrays of one shape
    weight : array of that shape, or None
    reduction : str
        mean, sum or none.

    Returns
    -------
    float64 array, 0-d, or of the input's shape with reduction none

    Examples
    --------
    >>> float(mse_loss([1.0, 2.0], [1.0, 4.0], None, "mean"))
    2.0
    """
    x, t = np.asarray(input, np.float64), np.asarray(target, np.float64)
    w = np.ones(x.shape) if weight is None else np.asarray(weight, np.float64)
    return reduced(w * (x - t) ** 2, reduction, w.sum())


@np.errstate(all="ignore")
def mse_loss_backward(grad_output, input, target, weight, reduction):
    """Gradient of `mse_loss`: dx = 2 g · w · (x − t), dt = −dx, dw = g · (x − t)², less g · l for the mean l.

    g is the loss's gradient, divided by the mean's denominator.

    Parameters
    ----------
    grad_output : array of the output's shape
    input, target, weight, reduction
        As given to `mse_loss`.

    Returns
    -------
    (dinput, dtarget, dweight), float64; dweight None without weights

    Examples
    --------
    >>> dx, dt, _ = mse_loss_backward(1.0, [1.0, 2.0], [1.0, 4.0], None, "sum")
    >>> dx.tolist(), dt.tolist()
    ([0.0, -4.0], [0.0, 4.0])
    """
    x, t, g = (np.asarray(a, np.float64) for a in (input, target, grad_output))
    w = np.ones(x.shape) if weight is None else np.asarray(weight, np.float64)
    g = g / (w.sum() if reduction == "mean" else 1.0)
    dx = 2 * g * w * (x - t)
    if weight is None:
        return dx, 0.0 - dx, None
    mean = mse_loss(x, t, w, "mean") if reduction == "mean" else 0.0
    return dx, 0.0 - dx, g * ((x - t) ** 2 - mean)


def _broadcast(weight, x):
    return np.ones(x.shape) if weight is None else np.broadcast_to(np.asarray(weight, np.float64), x.shape)


@np.errstate(all="ignore")
def binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction):
    """Cross-entropy of sigmoid(x) and the probability t: l = −w · (p · t · log σ(x) + (1 − t) · log(1 − σ(x))).

    In terms that do not cancel: with s = log(1 + exp(−|x|)), l = w · (a · |x| + (1 + (p − 1) · t) · s), where a is
    1 − t above 0 and p · t below. At −∞ it is NaN, as in PyTorch.

    Parameters
    ----------
    input, target : arrays of one shape
    weight, pos_weight : arrays that can be broadcast to that shape, or None
        w and p; 1 where they are None.
    reduction : str
        mean (over all elements), sum or none.

    Returns
    -------
    float64 array, 0-d, or of the input's shape with reduction none

    Examples
    --------
    >>> round(float(binary_cross_entropy_with_logits([0.0, 0.0], [0.0, 1.0], None, None, "mean")), 6)
    0.693147
    """
    x, t = np.asarray(input, np.float64), np.asarray(target, np.float64)
    w, p = _broadcast(weight, x), _broadcast(pos_weight, x)
    s = np.log1p(np.exp(-np.abs(x)))
    terms = w * (np.where(x < 0, p * t, 1 - t) * np.abs(x) + (1 + (p - 1) * t) * s)
    return reduced(np.where(x == -np.inf, np.nan, terms), reduction, np.float64(x.size))


@np.errstate(all="ignore")
def binary_cross_entropy_with_logits_backward(grad_output, input, target, weight, pos_weight, reduction):
    """Gradient of `binary_cross_entropy_with_logits`.

    dx = g · w · ((1 + (p − 1) · t) · σ(x) − p · t), dt = g · w · (log σ(−x) − p · log σ(x)), where g is the loss's
    gradient, divided by the number of elements of a mean.

    Parameters
    ----------
    grad_output : array of the output's shape
    input, target, weight, pos_weight, reduction
        As given to `binary_cross_entropy_with_logits`.

    Returns
    -------
    (dinput, dtarget, None, None), float64

    Examples
    --------
    >>> dx, _, _, _ = binary_cross_entropy_with_logits_backward(1.0, [0.0, 0.0], [0.0, 1.0], None, None, "sum")
    >>> dx.tolist()
    [0.5, -0.5]
    """
    x, t, g = (np.asarray(a, np.float64) for a in (input, target, grad_output))
    w, p = _broadcast(weight, x), _broadcast(pos_weight, x)
    g = g / (x.size if reduction == "mean" and x.size else 1.0)
    z = np.exp(-np.abs(x))
    slope = np.where(x < 0, p * t, 1 - t) - (1 + (p - 1) * t) * z / (1 + z)
    dx = g * w * np.where(x < 0, -slope, slope)
    dt = g * w * (np.where(x < 0, p, -1.0) * np.abs(x) + (p - 1) * np.log1p(z))
    return dx, dt, None, None
