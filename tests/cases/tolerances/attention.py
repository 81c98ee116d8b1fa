"""Bounds of attention, head by head.

A score is a sum over the head dimension; softmax turns its error into a relative one of the probabilities; beside them
stand sums over keys, or over queries. `_Head` says what each of the kernel's steps may lose. `product` is what each
product of two numbers in a matrix product may err by, relative to itself: nothing in ieee precision.
"""

import numpy as np

from fastnets.reference.attention import heads

from .rounding import SUM, accumulator_eps, eps, rounded, storage_error

KEYS = 32  # no block of keys that the online softmax takes at once is smaller


class _Head:
    """The errors of one head: of its probabilities, relative to them, and of lse."""

    def __init__(self, head, dtype, slope, mask, product):
        acc = accumulator_eps(dtype)
        self.head, self.acc = head, acc
        self.sum = SUM * acc + product  # relative to the sum of a matrix product's |terms|
        magnitude = abs(head.scale) * (np.abs(head.q) @ np.abs(head.k).T)
        score = self.sum * magnitude + acc * np.abs(head.capped)  # the product, and its scaling
        # the derivative of the cap, 1 − tanh², changes by no more than 0.77 of what the quotient does
        self.slope = 0.77 * self.sum * magnitude / head.softcap if head.softcap else 0.0
        if head.softcap:
            score = score + 6 * acc * np.abs(head.capped)  # a quotient, tanh to 4 eps, a product
        s = head.scores
        # each later step rounds what it has: the slope's product, its distance, the mask's sum
        score = score + 3 * acc * (np.abs(head.capped) + slope + np.abs(mask)) * np.ones(s.shape)
        lse = np.where(np.isfinite(head.lse), head.lse, 0.0)[:, np.newaxis]
        distance = np.where(np.isfinite(s), np.abs(s - lse), 0.0)
        self.visible = np.isfinite(s)
        score = np.where(self.visible, score, 0.0)
        # differences to the largest score and to lse are rounded; exp to 2 ulps, here and in every rescaling
        blocks = s.shape[1] // KEYS + 1
        relative = score + acc * (2 * distance + 2 * np.abs(lse) + 6 + 4 * blocks)
        # of the exponents so far: of what they are exponents of, e to that power less one
        mean = (head.p * np.expm1(relative)).sum(axis=1, keepdims=True) + (SUM + 4 * blocks) * acc
        self.relative = np.expm1(relative + mean)
        self.lse = (mean + acc * (2 * np.abs(lse) + 4))[:, 0]
        # exponentials below the normal numbers are 0
        self.lost = np.where(self.visible, float(np.finfo(np.float64 if dtype == np.float64 else np.float32).tiny), 0.0)
        self.weights = head.p * head.kept
        # probabilities may be kept in the arrays' dtype before they meet the values
        self.weight_error = self.weights * self.relative + self.lost * head.kept + storage_error(self.weights, dtype)

    def output(self):
        v = np.abs(self.head.v)
        return (self.weight_error + self.sum * (self.weights + self.weight_error)) @ v

    def gradients(self, dy, dlse, dtype):
        head, acc = self.head, self.acc
        a = np.abs(dy)
        products = head.kept * (dy @ head.v.T)
        products_error = self.sum * head.kept * (a @ np.abs(head.v).T) + acc * np.abs(products)
        y = np.abs(head.output)
        delta = np.abs((head.p * products).sum(axis=1, keepdims=True)) + np.abs(dlse)[:, np.newaxis]
        # delta is a product of the output, as it was rounded, and its gradient
        kept_output = (self.output() + eps(dtype) / 2 * y) * a
        delta_error = kept_output.sum(axis=1, keepdims=True) + SUM * acc * (y * a).sum(axis=1, keepdims=True)
        delta_error = delta_error + acc * delta
        size = np.abs(products) + delta
        difference = 4 * acc * size + products_error + delta_error
        ds_error = head.p * (self.relative * size + (1 + self.relative) * difference) + self.lost * size
        ds = head.p * size
        slope = 1.0 if not head.softcap else 1 - (head.capped / head.softcap) ** 2
        capped = 0.0 if not head.softcap else 16 * acc + 4 * acc * np.abs(head.capped / head.softcap)
        capped = capped + self.slope
        scaled = abs(head.scale) * (ds_error * (slope + capped) + ds * (capped + 4 * acc))
        scaled = scaled + storage_error(abs(head.scale) * ds * slope, dtype)
        terms = abs(head.scale) * ds * slope
        dq = (scaled + self.sum * (terms + scaled)) @ np.abs(head.k)
        dk = (scaled + self.sum * (terms + scaled)).T @ np.abs(head.q)
        dv = (self.weight_error + self.sum * (self.weights + self.weight_error)).T @ a
        sink = 0.0
        if head.p_sink is not None:
            lse_error = self.lse[:, np.newaxis] + 4 * acc
            sink = (head.p_sink[:, np.newaxis] * (lse_error * delta + delta_error) + acc * delta).sum()
        return dq, dk, dv, ds_error + SUM * acc * ds, sink


def _judged(args, product):
    """Each head with where it stands, and its errors."""
    query, packed = args[0], args[7] is not None
    mask, slopes = args[3], args[4]
    if mask is not None and mask.dtype == bool:
        mask = None
    for place, of, h, head in heads(args):
        slope = 0.0
        if slopes is not None:
            Sq, Sk = head.capped.shape
            slope = float(slopes[h]) * np.abs(np.arange(Sq)[:, None] - np.arange(Sk)) + float(slopes[h]) * abs(Sk - Sq)
        part = 0.0
        if mask is not None:
            whole = np.broadcast_to(np.asarray(mask, np.float64), (*query.shape[:-1], np.shape(args[1])[-2]))
            part = whole[place][:, : head.capped.shape[1]]
        row = (h, place[0]) if packed else place
        yield place, of, h, row, _Head(head, query.dtype, slope, part, product)


@np.errstate(all="ignore")
def attention(args, expected, product=0.0):
    query = args[0]
    bounds = [np.zeros(e.shape) for e in expected]
    for place, _, _, row, head in _judged(args, product):
        bounds[0][place] = head.output()
        if len(bounds) > 1:
            bounds[1][row] = head.lse
    bounds[0] = rounded(bounds[0], expected[0], query.dtype)
    return tuple(bounds)


@np.errstate(all="ignore")
def attention_backward(grad_outputs, args, expected, product=0.0):
    query, key, value, mask = args[:4]
    dy = np.asarray(grad_outputs[0], np.float64)
    bounds = [np.zeros(np.shape(a)) for a in (query, key, value)]
    has_mask = expected[3] is not None
    dmask = np.zeros((*query.shape[:-1], key.shape[-2])) if has_mask else None
    sinks = None if expected[5] is None else np.zeros(np.shape(args[5]))
    for place, of, h, row, head in _judged(args, product):
        dlse = np.zeros(len(head.lse)) if grad_outputs[1] is None else np.asarray(grad_outputs[1][row], np.float64)
        dq, dk, dv, scores, sink = head.gradients(dy[place], dlse, query.dtype)
        bounds[0][place] = dq
        bounds[1][of] += dk
        bounds[2][of] += dv
        if has_mask:
            dmask[place][:, : scores.shape[1]] = scores
        if sinks is not None:
            sinks[h] += sink
    made = [rounded(b, e, a.dtype) for b, e, a in zip(bounds, expected[:3], (query, key, value), strict=True)]
    made += [None] * 6
    if has_mask:
        shape = (1,) * (dmask.ndim - mask.ndim) + mask.shape
        axes = tuple(i for i, (n, m) in enumerate(zip(shape, dmask.shape, strict=True)) if n == 1 and m != 1)
        made[3] = rounded(dmask.sum(axis=axes, keepdims=True).reshape(mask.shape), expected[3], mask.dtype)
    if sinks is not None:
        made[5] = rounded(sinks, expected[5], args[5].dtype)
    return tuple(made)
