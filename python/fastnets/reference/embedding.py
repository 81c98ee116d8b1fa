"""Rows of a table, looked up by index."""

import numpy as np

NO_PADDING = -(2**63)  # the padding_idx that means none


def padding_row(padding_idx, weight):
    return None if padding_idx == NO_PADDING else padding_idx % len(weight)


def embedding(input, weight, padding_idx, scale_grad_by_freq):
    """Look up rows: y[t] = weight[input[t]].

    Parameters
    ----------
    input : integer array of any shape
    weight : (V, D) array
    padding_idx : int
        The row that has no gradient, `NO_PADDING` for none; negative ones count from the end.
    scale_grad_by_freq : bool
        Divide the gradient of each row by how often it was looked up.

    Returns
    -------
    (…, D) float64 array

    Examples
    --------
    >>> embedding([1, 0, 1], [[1.0, 2.0], [3.0, 4.0]], NO_PADDING, False).tolist()
    [[3.0, 4.0], [1.0, 2.0], [3.0, 4.0]]
    """
    return np.asarray(weight, np.float64)[np.asarray(input)]


def embedding_backward(grad_output, input, weight, padding_idx, scale_grad_by_freq):
    """Gradient of `embedding`: dweight[v] = Σ dy[t] over the t with input[t] = v, 0 for the padding row.

    Parameters
    ----------
    grad_output : (…, D) array
    input, weight, padding_idx, scale_grad_by_freq
        As given to `embedding`.

    Returns
    -------
    (None, dweight), float64

    Examples
    --------
    >>> _, dweight = embedding_backward([[1.0], [2.0], [4.0]], [1, 0, 1], [[0.0], [0.0]], NO_PADDING, False)
    >>> dweight.tolist()
    [[2.0], [5.0]]
    """
    ids, w = np.asarray(input).reshape(-1), np.asarray(weight, np.float64)
    dy = np.asarray(grad_output, np.float64).reshape(len(ids), w.shape[1])
    dw = np.zeros(w.shape)
    np.add.at(dw, ids, dy)
    if scale_grad_by_freq:
        dw /= np.maximum(np.bincount(ids, minlength=len(w)), 1)[:, np.newaxis]
    row = padding_row(padding_idx, w)
    if row is not None:
        dw[row] = 0.0
    return None, dw
