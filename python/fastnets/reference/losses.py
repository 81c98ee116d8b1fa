"""Losses of classification.

Letters: N samples, that is the batch and all further dimensions d… flattened; C classes.
"""

import math

import numpy as np


def class_axis_of(x):
    return 1 if x.ndim > 1 else 0


def rows_of(a, class_axis):
    """(N, C, d…) or (C,) flattened to (N·d, C)."""
    a = np.moveaxis(a, class_axis, -1)
    return a.reshape(math.prod(a.shape[:-1]), a.shape[-1])


def from_rows(rows, like, class_axis):
    return np.moveaxis(rows.reshape(np.moveaxis(like, class_axis, -1).shape), -1, class_axis)


def log_softmax(x):
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


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
    log_p = log_softmax(rows_of(x, class_axis))
    w = np.ones(log_p.shape[1]) if weight is None else np.asarray(weight, np.float64)
    t, denominator = target_distribution(target, w, class_axis, ignore_index, label_smoothing)
    loss = -_product(w, t, log_p, has_labels).sum(axis=1)
    if reduction == "none":
        return loss.reshape(x.shape[:class_axis] + x.shape[class_axis + 1 :])
    return loss.sum() / denominator if reduction == "mean" else loss.sum()


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
    log_p = log_softmax(rows_of(x, class_axis))
    w = np.ones(log_p.shape[1]) if weight is None else np.asarray(weight, np.float64)
    t, denominator = target_distribution(target, w, class_axis, ignore_index, label_smoothing)
    g = g.reshape(-1, 1) / (denominator if reduction == "mean" else 1.0)  # (N, 1), or (1, 1) for all samples
    dlog_p = -_product(w, t, g, has_labels)
    dx = dlog_p - np.exp(log_p) * dlog_p.sum(axis=1, keepdims=True)
    dt = None if has_labels else from_rows(-g * (1 - label_smoothing) * w * log_p, x, class_axis)
    return from_rows(dx, x, class_axis), dt, None
