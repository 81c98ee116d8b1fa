"""Bounds of recurrent: the formulas of `fastnets.reference.recurrent` on numbers with errors, through all steps.

Half precision keeps state and gates in float32. Rounded are the operands of products, within the steps and after them:
h, what is projected, the gradients of the gates.
"""

import numpy as np

from fastnets.reference.recurrent import Layer, take_apart

from .approximate import Approximate, concatenated
from .rounding import accumulator_eps, rounded


class _Bounds:
    """One direction, as the reference runs it."""

    def __init__(self, direction, dtype):
        self.d, self.dtype, self.acc = direction, dtype, accumulator_eps(dtype)

    def exact(self, value):
        return None if value is None else Approximate(value, np.zeros(np.shape(value)), self.acc)

    def operand(self, a):
        """An operand of a product within a step."""
        return a.stored(self.dtype)

    def step(self, x, h, c):
        """y before zoneout, c', what backward needs, and y before the projection."""
        d = self.d
        zx, zh = self.exact(x) @ d.w_ih.T, self.operand(h) @ d.w_hh.T
        zx = zx if d.b_ih is None else zx + d.b_ih
        zh = zh if d.b_hh is None else zh + d.b_hh
        if d.cell == "gru":
            (xr, xz, xn), (hr, hz, hn) = zx.split(3), zh.split(3)
            r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
            n = (xn + r * hn).tanh()
            return (1 - z) * n + z * h, None, (r, z, n, hn), None
        z = zx + zh
        if d.cell == "lstm":
            i, f, g, o = z.split(4)
            i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
            c_new = f * c + i * g
            full = o * c_new.tanh()
            y = full if d.w_hr is None else self.operand(full) @ d.w_hr.T
            return y, c_new, (i, f, g, o), full
        y = z.tanh() if d.cell == "rnn_tanh" else Approximate(np.maximum(z.value, 0), z.error, self.acc)
        return y, None, (y, z), None

    def run(self):
        d = self.d
        h, c = self.exact(d.h_0), self.exact(d.c_0)
        self.records, outputs = [], []
        for t, x in enumerate(d.x):
            y, c_new, kept, full = self.step(x, h, c)
            y = d.keep[t] * h + (1 - d.keep[t]) * y
            self.records.append((h, c, kept, c_new, full))
            outputs.append(y.where(d.running[t], np.zeros(())))
            h = y.where(d.running[t], h)
            c = None if c is None else c_new.where(d.running[t], c)
        return np.stack([y.error for y in outputs]) if outputs else np.zeros(d.keep.shape), h, c

    def pull_cell(self, kept, dy, h, c, c_new, dc):
        """Gradients of zx and zh, of h by other ways, and of c; as the reference's cell_step_backward."""
        if self.d.cell == "rnn_relu":
            z = kept[1]
            dz = dy.where(z.value > 0, np.zeros(()))
            # on which side of 0 is unknown where z is as small as its error
            dz.error = np.where(np.abs(z.value) <= z.error, np.abs(dy.value) + dy.error, dz.error)
            return dz, dz, None, None
        if self.d.cell == "rnn_tanh":
            dz = dy * (1 - kept[0] * kept[0])
            return dz, dz, None, None
        if self.d.cell == "lstm":
            i, f, g, o = kept
            t = c_new.tanh()
            dc = dc + dy * o * (1 - t * t)
            dz = [dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dy * t * o * (1 - o)]
            return concatenated(dz), concatenated(dz), None, dc * f
        r, z, n, hn = kept
        dn = dy * (1 - z) * (1 - n * n)
        dr, dz = dn * hn * r * (1 - r), dy * (h.stored(self.dtype) - n) * z * (1 - z)
        return concatenated([dr, dz, dn]), concatenated([dr, dz, dn * r]), dy * z, None

    def pull(self, dy_all, dh, dc):
        """Errors of the gradients of x, h_0, c_0 and the weights."""
        d, zero = self.d, np.zeros(())
        dh, dc = self.exact(dh), self.exact(dc)
        dx = np.zeros(d.x.shape)
        dw = [self.exact(np.zeros(w.shape)) for w in (d.w_ih, d.w_hh)]
        db = [self.exact(np.zeros(len(d.w_ih))) for _ in range(2)]
        dw_hr = None if d.w_hr is None else self.exact(np.zeros(d.w_hr.shape))
        for t in reversed(range(len(d.x))):
            h, c, kept, c_new, full = self.records[t]
            on = d.running[t]
            given = Approximate(dy_all[t], 2 * self.acc * np.abs(dy_all[t]), self.acc)  # dropout's factor
            dy = (dh + given).where(on, zero)
            dh = dh.where(~on, zero) + d.keep[t] * dy
            dy = (1 - d.keep[t]) * dy
            if d.w_hr is not None:
                dw_hr = dw_hr + dy.stored(self.dtype).T @ full.stored(self.dtype)
                dy = self.operand(dy) @ d.w_hr
            dzx, dzh, more, dc_new = self.pull_cell(kept, dy, h, c, c_new, None if dc is None else dc.where(on, zero))
            dc = None if dc is None else dc_new.where(on, dc)
            dh = dh + self.operand(dzh) @ d.w_hh
            dh = dh if more is None else dh + more
            dzx, dzh = dzx.stored(self.dtype), dzh.stored(self.dtype)
            dx[t] = (dzx @ d.w_ih).error
            dw = [dw[0] + dzx.T @ d.x[t], dw[1] + dzh.T @ h.stored(self.dtype)]
            db = [db[0] + dzx.sum(0), db[1] + dzh.sum(0)]
        weights = [w.error for w in (*dw, *db)]
        return dx, dh.error, None if dc is None else dc.error, [*weights, None if dw_hr is None else dw_hr.error]


def _bounds(net, dtype):
    made = [_Bounds(direction, dtype) for direction in net.directions]
    return made, [each.run() for each in made]


@np.errstate(all="ignore")
def recurrent(args, expected):
    dtype = args[0].dtype
    net = Layer(*take_apart(args))
    _, made = _bounds(net, dtype)
    acc = accumulator_eps(dtype)
    y = np.concatenate([net.drop[d] * net.turned(error, d) for d, (error, _, _) in enumerate(made)], axis=-1)
    h, c = ([None if each[k] is None else each[k].error for each in made] for k in (1, 2))
    errors = (
        net.sequence_shaped(y) + 2 * acc * np.abs(expected[0]),  # dropout's factor, and the product with it
        None if expected[1] is None else net.state_shaped(h),
        None if expected[2] is None else net.state_shaped(c),
    )
    return tuple(None if e is None else rounded(e, y, dtype) for e, y in zip(errors, expected, strict=True))


@np.errstate(all="ignore")
def recurrent_backward(grad_outputs, args, expected):
    dtype = args[0].dtype
    net = Layer(*take_apart(args))
    bounds, _ = _bounds(net, dtype)
    grad_output, *grads = grad_outputs
    grads = [None if g is None else np.asarray(g, np.float64) for g in grads]
    dh_n, dc_n = (
        [None] * len(bounds) if g is None else g.reshape(np.shape(like))
        for g, like in zip(grads, net.state, strict=True)
    )
    dx, states, weights = 0.0, [], []
    for d, (each, dy) in enumerate(zip(bounds, net.in_time(grad_output), strict=True)):
        dh = np.zeros(each.d.h_0.shape) if dh_n[d] is None else dh_n[d]
        pulled, *state, dw = each.pull(net.turned(net.drop[d] * dy, d), dh, dc_n[d])
        dx = dx + net.turned(pulled, d)
        states.append(state)
        weights += dw
    weights += [None] * (10 - len(weights))
    states = [None if expected[1 + k] is None else net.state_shaped([s[k] for s in states]) for k in (0, 1)]
    acc = accumulator_eps(dtype)
    errors = [net.sequence_shaped(dx) + acc * np.abs(expected[0]), *states, None, *weights]
    return tuple(None if y is None else rounded(e, y, dtype) for e, y in zip(errors, expected, strict=True))
