"""Recurrent nets: one layer, in one or both directions, over all steps.

Letters: T steps, B sequences, I inputs, H hidden units, R outputs (H, or the projection's), G gates, D directions.
Within this page a direction always runs forward: what the reverse one reads and writes is turned around first.
"""

import numpy as np

from .random import uniform

GATES = {"rnn_tanh": 1, "rnn_relu": 1, "lstm": 4, "gru": 3}
RECURRENT_DROPOUT, ZONEOUT = 2, 3  # what random numbers are for


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1.0) / (1.0 + e)


def cell_step(cell, zx, zh, c):
    """One step from W_ih x + b_ih and W_hh h + b_hh, both (B, G·H): y, c' and what the gradient needs."""
    if cell == "rnn_relu":
        y = np.where(zx + zh < 0, 0.0, zx + zh)  # nan stays
        return y, None, (y,)
    if cell == "rnn_tanh":
        y = np.tanh(zx + zh)
        return y, None, (y,)
    if cell == "lstm":
        i, f, g, o = np.split(zx + zh, 4, axis=1)  # gate order i f g o
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c_new = f * c + i * g
        return o * np.tanh(c_new), c_new, (i, f, g, o)
    (xr, xz, xn), (hr, hz, hn) = np.split(zx, 3, axis=1), np.split(zh, 3, axis=1)  # gate order r z n
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    return None, None, (r, z, np.tanh(xn + r * hn), hn)


def cell_step_backward(cell, kept, dy, h, c, c_new, dc):
    """Gradients of zx, zh, h (by ways other than zh) and c."""
    if cell == "rnn_relu":
        dz = np.where(kept[0] == 0, 0.0, dy)
        return dz, dz, 0.0, None
    if cell == "rnn_tanh":
        dz = dy * (1 - kept[0] ** 2)
        return dz, dz, 0.0, None
    if cell == "lstm":
        i, f, g, o = kept
        t = np.tanh(c_new)
        dc = dc + dy * o * (1 - t**2)
        dz = np.concatenate([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2), dy * t * o * (1 - o)], 1)
        return dz, dz, 0.0, dc * f
    r, z, n, hn = kept
    dn = dy * (1 - z) * (1 - n**2)
    dr, dz = dn * hn * r * (1 - r), dy * (h - n) * z * (1 - z)
    return np.concatenate([dr, dz, dn], 1), np.concatenate([dr, dz, dn * r], 1), dy * z, None


class Direction:
    """One direction: x (T, B, I) turned so that it runs forward, the initial state and the weights."""

    def __init__(self, cell, x, h, c, weights, running, keep):
        self.cell, self.x, self.h_0, self.c_0 = cell, x, h, c
        self.w_ih, self.w_hh, self.b_ih, self.b_hh, self.w_hr = weights
        self.running, self.keep = running, keep  # (T, B, 1) bool; (T, B, R), how much of h stays

    def run(self):
        """The outputs (T, B, R), the last state, and a record of each step."""
        h, c = self.h_0, self.c_0
        y_all, self.records = np.zeros(self.keep.shape), []
        for t, x in enumerate(self.x):
            zx = x @ self.w_ih.T + (0.0 if self.b_ih is None else self.b_ih)
            zh = h @ self.w_hh.T + (0.0 if self.b_hh is None else self.b_hh)
            y, c_new, kept = cell_step(self.cell, zx, zh, c)
            if self.cell == "gru":
                y = (1 - kept[1]) * kept[2] + kept[1] * h
            full = y  # before the projection
            if self.w_hr is not None:
                y = y @ self.w_hr.T
            y = self.keep[t] * h + (1 - self.keep[t]) * y
            self.records.append((h, c, kept, c_new, full))
            y_all[t] = np.where(self.running[t], y, 0.0)
            h = np.where(self.running[t], y, h)
            c = None if c is None else np.where(self.running[t], c_new, c)
        return y_all, h, c

    def pull(self, dy_all, dh, dc):
        """Gradients of x, h_0, c_0 and the weights, after `run`."""
        dx = np.zeros(self.x.shape)
        dw_ih, dw_hh = np.zeros(self.w_ih.shape), np.zeros(self.w_hh.shape)
        db_ih, db_hh = np.zeros(len(self.w_ih)), np.zeros(len(self.w_ih))
        dw_hr = None if self.w_hr is None else np.zeros(self.w_hr.shape)
        for t in reversed(range(len(self.x))):
            h, c, kept, c_new, full = self.records[t]
            on = self.running[t]
            dy = np.where(on, dh + dy_all[t], 0.0)
            dh = np.where(on, 0.0, dh) + self.keep[t] * dy
            dy = (1 - self.keep[t]) * dy
            if self.w_hr is not None:
                dw_hr += dy.T @ full
                dy = dy @ self.w_hr
            dzx, dzh, dh_more, dc_more = cell_step_backward(
                self.cell, kept, dy, h, c, c_new, None if dc is None else np.where(on, dc, 0.0)
            )
            dc = None if dc is None else np.where(on, dc_more, dc)
            dh = dh + dh_more + dzh @ self.w_hh
            dx[t] = dzx @ self.w_ih
            dw_ih += dzx.T @ self.x[t]
            dw_hh += dzh.T @ h
            db_ih += dzx.sum(axis=0)
            db_hh += dzh.sum(axis=0)
        return dx, dh, dc, (dw_ih, dw_hh, db_ih, db_hh, dw_hr)


class Layer:
    """Arguments brought into one form: time first, with a batch, directions turned to run forward."""

    def __init__(self, input, h_0, c_0, lengths, weights, cell, layout, layer, dropout, zoneout, training, seed):
        x = np.asarray(input, np.float64)
        self.is_step, self.is_batched = layout == "step", x.ndim == (2 if layout == "step" else 3)
        if self.is_step:
            x = x[np.newaxis]
        self.batch_first = layout == "batch_first" and self.is_batched
        x = x if self.is_batched else x[:, np.newaxis]
        x = x.swapaxes(0, 1) if self.batch_first else x
        self.weights = [
            [None if w is None else np.asarray(w, np.float64) for w in weights[d : d + 5]]
            for d in (0, 5)
            if weights[d] is not None
        ]
        T, B = x.shape[:2]
        D, H = len(self.weights), len(self.weights[0][0]) // GATES[cell]
        R = self.weights[0][1].shape[1]
        self.state = [self._initial(h_0, D, B, R), self._initial(c_0, D, B, H) if cell == "lstm" else [None] * D]
        # (T, B) step that a direction takes at each of its own, the same map there and back
        length = np.full(B, T) if lengths is None else np.asarray(lengths)
        step = np.arange(T)[:, np.newaxis]
        self.order = [np.broadcast_to(step, (T, B)), np.where(step < length, length - 1 - step, step)][:D]
        # (D, T, B, R): what dropout leaves of the output, and how much of the last h stays
        count = D * T * B * R
        self.drop, keep = np.ones((D, T, B, R)), np.full((D, T, B, R), zoneout)
        if training and dropout:
            kept = uniform(seed, (layer + 1) * count, RECURRENT_DROPOUT)[layer * count :] >= dropout
            self.drop = kept.reshape(D, T, B, R) / (1 - dropout) if dropout < 1 else np.zeros((D, T, B, R))
        if training and zoneout:
            keep = uniform(seed, (layer + 1) * count, ZONEOUT)[layer * count :].reshape(D, T, B, R) < zoneout
        self.directions = [
            Direction(
                cell, self.turned(x, d), self.state[0][d], self.state[1][d], self.weights[d],
                (step < length)[..., np.newaxis], self.turned(keep[d].astype(np.float64), d),
            )
            for d in range(D)
        ]  # fmt: skip

    def _initial(self, state, D, B, size):
        return np.zeros((D, B, size)) if state is None else np.asarray(state, np.float64).reshape(D, B, size)

    def turned(self, values, d):
        return np.take_along_axis(values, self.order[d][..., np.newaxis], axis=0)

    def sequence_shaped(self, values):
        """(T, B, …) as the input is laid out."""
        if self.is_step:
            values = values[0]
        elif self.batch_first:
            values = values.swapaxes(0, 1)
        return values if self.is_batched else np.squeeze(values, 0 if self.is_step else 1)

    def state_shaped(self, values):
        """One (B, …) a direction as the state is laid out."""
        values = values[0] if self.is_step else np.stack(values)
        return values if self.is_batched else np.squeeze(values, -2)

    def in_time(self, grad_output):
        """A gradient laid out as the input: one (T, B, R) a direction."""
        dy = np.asarray(grad_output, np.float64)
        if self.is_step:
            dy = dy[np.newaxis]
        dy = dy if self.is_batched else dy[:, np.newaxis]
        return np.split(dy.swapaxes(0, 1) if self.batch_first else dy, len(self.directions), axis=-1)


def take_apart(arguments):
    """input, h_0, c_0, lengths, weights, then parameters."""
    return (*arguments[:4], arguments[4:14], *arguments[14:])


@np.errstate(all="ignore")
def recurrent(
    input, h_0, c_0, lengths,
    weight_ih, weight_hh, bias_ih, bias_hh, weight_hr,
    weight_ih_reverse, weight_hh_reverse, bias_ih_reverse, bias_hh_reverse, weight_hr_reverse,
    cell, layout, layer, dropout, zoneout, training, seed,
):  # fmt: skip
    """One layer of a recurrent net, over all steps, in one or both directions.

    From the input x and the state h, c of the last step:

    - rnn: y = tanh or relu (W_ih x + b_ih + W_hh h + b_hh)
    - lstm: i f g o = W_ih x + b_ih + W_hh h + b_hh; c' = σ(f) c + σ(i) tanh(g); y = σ(o) tanh(c'), with a projection
      W_hr of that
    - gru: r z = σ(W_ih x + b_ih + W_hh h + b_hh); n = tanh(W_in x + b_in + r (W_hn h + b_hn)); y = (1 − z) n + z h

    and h' = m h + (1 − m) y. The reverse direction starts at each sequence's end.

    Parameters
    ----------
    input : (T, B, I) or (T, I) array; with batch_first (B, T, I); a step (B, I) or (I,)
    h_0, c_0 : (D, B, R) and (D, B, H) arrays, or None for zeros; without D in a step
    lengths : (B,) integer array or None
        Steps past a sequence's length give zeros and leave its state alone.
    weight_ih, weight_hh, bias_ih, bias_hh, weight_hr : (G·H, I), (G·H, R), (G·H,), (G·H,), (R, H) arrays
        Biases and projection may be None; the reverse direction's all are None where there is none.
    cell : {"rnn_tanh", "rnn_relu", "lstm", "gru"}
    layout : {"time_first", "batch_first", "step"}
    layer : int
        Of a net: which random numbers are drawn.
    dropout : float
        In training, the probability with which elements of the output (not of the state) are dropped.
    zoneout : float
        m is 1 with this probability in training, this number otherwise.
    training : bool
    seed : int

    Returns
    -------
    (output, h_n, c_n), float64
        h_n None for a step, whose output it is; c_n None but for lstm.

    References
    ----------
    Hochreiter & Schmidhuber, "Long short-term memory", Neural Computation 9, 1997; Cho et al., arXiv:1406.1078 (gru);
    Sak et al., arXiv:1402.1128 (projection); Krueger et al., arXiv:1606.01305 (zoneout).

    Examples
    --------
    >>> w = np.eye(2)
    >>> weights = w, w, None, None, None, *[None] * 5
    >>> x, options = np.ones((3, 2)), ("rnn_relu", "time_first", 0, 0.0, 0.0, False, 0)
    >>> y, h, c = recurrent(x, None, None, None, *weights, *options)
    >>> y.tolist(), h.tolist(), c
    ([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], [[3.0, 3.0]], None)
    """
    arguments = (
        input, h_0, c_0, lengths, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, weight_ih_reverse,
        weight_hh_reverse, bias_ih_reverse, bias_hh_reverse, weight_hr_reverse, cell, layout, layer, dropout, zoneout,
        training, seed,
    )  # fmt: skip
    net = Layer(*take_apart(arguments))
    made = [direction.run() for direction in net.directions]
    y = np.concatenate([net.drop[d] * net.turned(y, d) for d, (y, _, _) in enumerate(made)], axis=-1)
    h, c = ([each[k] for each in made] for k in (1, 2))
    return (
        net.sequence_shaped(y),
        None if net.is_step else net.state_shaped(h),
        net.state_shaped(c) if cell == "lstm" else None,
    )


@np.errstate(all="ignore")
def recurrent_backward(grad_output, grad_h_n, grad_c_n, *arguments):
    """Gradients of `recurrent`, by backpropagation through time.

    Parameters
    ----------
    grad_output, grad_h_n, grad_c_n : arrays of the outputs' shapes
        None for an output that is not there.
    *arguments
        As given to `recurrent`.

    Returns
    -------
    A gradient for each input, float64, None for what was None and for lengths

    Examples
    --------
    >>> w = np.eye(1)
    >>> weights = w, w, None, None, None, *[None] * 5
    >>> dx, dh_0, *_ = recurrent_backward(
    ...     np.ones((2, 1)), np.zeros((1, 1)), None, np.ones((2, 1)), np.ones((1, 1)), None, None, *weights,
    ...     "rnn_relu", "time_first", 0, 0.0, 0.0, False, 0)
    >>> dx.tolist(), dh_0.tolist()
    ([[2.0], [1.0]], [[2.0]])
    """
    net = Layer(*take_apart(arguments))
    dh_n, dc_n = (
        [None] * len(net.directions) if g is None else np.asarray(g, np.float64).reshape(np.shape(like))
        for g, like in ((grad_h_n, net.state[0]), (grad_c_n, net.state[1]))
    )
    dx, states, weights = 0.0, [], []
    for d, (direction, dy) in enumerate(zip(net.directions, net.in_time(grad_output), strict=True)):
        direction.run()
        dh = np.zeros(direction.h_0.shape) if dh_n[d] is None else dh_n[d]
        pulled, dh_0, dc_0, dw = direction.pull(net.turned(net.drop[d] * dy, d), dh, dc_n[d])
        dx = dx + net.turned(pulled, d)
        states.append((dh_0, dc_0))
        weights += dw
    weights += [None] * (10 - len(weights))
    states = [None if arguments[1 + k] is None else net.state_shaped([s[k] for s in states]) for k in (0, 1)]
    given = [dw if w is not None else None for dw, w in zip(weights, arguments[4:14], strict=True)]
    return (net.sequence_shaped(dx), *states, None, *given)
