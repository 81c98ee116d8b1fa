"""Small cases of attention: op, inputs (drawn), parameters."""

import numpy as np

from .draw import normal


def seen(*shape):
    return lambda rng: rng.random(shape) < 0.6


def whole(*numbers):
    return lambda rng: np.array(numbers)


def _options(p=0.0, causal=False, scale=0.6, gqa=False, alignment="upper_left", left=-1, right=-1, cap=0.0, lse=False):
    return (p, causal, scale, gqa, alignment, left, right, cap, 5, lse)


def _inputs(q, k, v, mask=None, slopes=None, sinks=None, lengths=None, cu_q=None, cu_k=None):
    return (normal(*q), normal(*k), normal(*v), mask, slopes, sinks, lengths, cu_q, cu_k)


_DENSE = (2, 2, 3, 2), (2, 2, 4, 2), (2, 2, 4, 3)
_PACKED = (5, 2, 2), (6, 1, 2), (6, 1, 3)

CASES = [
    ("attention", inputs, options)
    for inputs, options in [
        (_inputs((3, 2), (4, 2), (4, 3)), _options(lse=True)),
        (_inputs(*_DENSE), _options(causal=True)),
        (_inputs(*_DENSE), _options(causal=True, alignment="lower_right", lse=True)),
        (_inputs((2, 4, 3, 2), *_DENSE[1:]), _options(gqa=True, cap=0.8)),
        (_inputs(*_DENSE), _options(left=1, right=1, cap=2.0)),
        (_inputs(*_DENSE, mask=normal(2, 1, 3, 4)), _options(p=0.3, cap=0.7)),
        (_inputs(*_DENSE, mask=normal(4)), _options(lse=True)),
        (_inputs(*_DENSE, mask=seen(3, 4), sinks=normal(2)), _options(p=0.3)),
        (_inputs(*_DENSE, slopes=normal(2), sinks=normal(2)), _options(lse=True, cap=1.5)),
        (_inputs(*_DENSE, lengths=whole(4, 1)), _options(causal=True, alignment="lower_right")),
        (
            _inputs(*_PACKED, sinks=normal(2), cu_q=whole(0, 3, 5), cu_k=whole(0, 2, 6)),
            _options(p=0.2, gqa=True, lse=True),
        ),
    ]
]
