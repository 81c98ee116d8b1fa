"""Cases of optimizers, and of what is done to gradients before them.

sgd: parameter, gradient, momentum_buffer, master; lr, momentum, dampening, weight_decay, nesterov, maximize, is_first;
adam: parameter, gradient, exp_avg, exp_avg_sq, master; step, lr, beta1, beta2, eps, weight_decay,
decoupled_weight_decay, maximize; norm: input, previous; norm_type; clip: input, norm; max_norm; scale: input, previous;
factor, unscale; add: input, other.
"""

import math

from .case import FLOATS, Array, Case, Flag, PositiveState, State, StateWeights

HALF = ("bfloat16", "float16")


def _gradient(shape, layout, wide):
    return (State if wide else Array)(shape, layout)


def _sgd(shape, *, momentum=0.0, buffer=None, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False,
         first=False, master=False, wide=False, lr=0.1, layout="contiguous"):  # fmt: skip
    has_buffer = bool(momentum) if buffer is None else buffer
    inputs = (Array(shape, layout), _gradient(shape, layout, wide), State(shape, layout) if has_buffer else None,
              State(shape, layout) if master else None)  # fmt: skip
    return Case("sgd", inputs, (lr, momentum, dampening, weight_decay, nesterov, maximize, first),
                dtypes=HALF if master else FLOATS)  # fmt: skip


def _adam(shape, *, master=False, step=10, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01,
          decoupled=True, maximize=False, wide=False, layout="contiguous"):  # fmt: skip
    state = State(shape, layout), PositiveState(shape, layout), State(shape, layout) if master else None
    inputs = Array(shape, layout), _gradient(shape, layout, wide), *state
    return Case("adam", inputs, (step, lr, beta1, beta2, eps, weight_decay, decoupled, maximize),
                dtypes=HALF if master else FLOATS)  # fmt: skip


def _norm(shape, p=2.0, *, previous=False, layout="contiguous"):
    return Case("norm", (Array(shape, layout), StateWeights(()) if previous else None), (p,))


def _clip(shape, max_norm, *, layout="contiguous"):
    return Case("clip", (Array(shape, layout), PositiveState(())), (max_norm,))


def _scale(shape, factor, *, unscale=True, previous=False, layout="contiguous"):
    return Case("scale", (Array(shape, layout), Flag(()) if previous else None), (factor, unscale))


def _add(shape, *layouts):
    return Case("add", tuple(Array(shape, layout) for layout in layouts or ("contiguous", "contiguous")), ())


SGD_CASES = [
    _sgd((1,)),
    _sgd((3, 7), weight_decay=0.1),
    _sgd((4099,), momentum=0.9),
    _sgd((33,), momentum=0.9, first=True, dampening=0.5),
    _sgd((33,), momentum=0.5, dampening=0.5, weight_decay=0.3),
    _sgd((5, 33), momentum=0.9, nesterov=True, weight_decay=0.3),
    _sgd((5, 33), momentum=0.9, nesterov=True, first=True),
    _sgd((33,), maximize=True, weight_decay=0.1),
    _sgd((33,), buffer=True),  # a buffer of an earlier momentum is left alone
    _sgd((17, 33), momentum=0.9, master=True),
    _sgd((17, 33), master=True, wide=True, weight_decay=0.1),
    _sgd((0, 3), momentum=0.9),
    _sgd((17, 9), momentum=0.9, layout="transposed"),
    _sgd((2, 3, 5, 4), momentum=0.9, layout="channels_last"),
    _sgd((17, 9), momentum=0.9, master=True, layout="strided"),
]
ADAM_CASES = [
    _adam((1,)),
    _adam((3, 7)),
    _adam((4099,)),
    _adam((17, 33), master=True),
    _adam((17, 33), master=True, wide=True),
    _adam((33,), step=1, lr=0.1),
    _adam((33,), step=100_000, weight_decay=0.0),
    _adam((33,), beta1=0.0, beta2=0.0, eps=1.0),
    _adam((33,), decoupled=False, weight_decay=0.3, lr=0.1),
    _adam((3, 65), decoupled=False, weight_decay=0.3, step=2, lr=0.1, maximize=True),
    _adam((33,), maximize=True, lr=0.1, weight_decay=0.1),
    _adam((17, 33), decoupled=False, weight_decay=0.3, lr=0.1, master=True),
    _adam((0, 3)),
    _adam((17, 9), layout="transposed"),
    _adam((2, 3, 5, 4), layout="channels_last"),
    _adam((17, 9), master=True, layout="strided"),
]
NORM_CASES = [
    *[_norm((3, 7), p) for p in (0.5, 1.0, 2.0, 3.0, math.inf)],
    *[_norm((33,), p, previous=True) for p in (1.0, 2.0, 3.0, math.inf)],
    _norm((16385,)),  # more than a block
    _norm((40_007,), 1.0),
    _norm((40_007,), math.inf),
    _norm(()),
    _norm((0, 3), previous=True),
    _norm((2, 3, 5, 4), layout="channels_last"),
    _norm((17, 9), layout="strided"),
    _norm((17, 9), layout="broadcast"),
]
CLIP_CASES = [
    _clip((3, 7), 1e-3),
    _clip((4099,), 1e6),
    _clip((33,), 0.1),
    _clip((33,), 0.0),
    _clip((), 0.1),
    _clip((0, 3), 1.0),
    _clip((2, 3, 5, 4), 0.1, layout="channels_last"),
    _clip((17, 9), 0.1, layout="strided"),
]
SCALE_CASES = [
    _scale((3, 17), 2.0**-16),
    _scale((4099,), 0.3),
    _scale((33,), 0.3, previous=True),
    _scale((33,), 8.0, unscale=False),
    _scale((33,), 0.3, unscale=False, previous=True),
    _scale((), 3.0, unscale=False),
    _scale((0, 3), 2.0),
    _scale((2, 3, 5, 4), 0.3, layout="channels_last"),
    _scale((17, 9), 0.3, layout="strided"),
]
ADD_CASES = [
    _add((3, 17)),
    _add((4099,)),
    _add(()),
    _add((0, 3)),
    _add((2, 3, 5, 4), "channels_last", "channels_last"),
    _add((2, 3, 5, 4), "channels_last", "contiguous"),
    _add((17, 9), "strided", "transposed"),
]

CASES = [*SGD_CASES, *ADAM_CASES, *NORM_CASES, *CLIP_CASES, *SCALE_CASES, *ADD_CASES]

LARGE = [  # enough for several threads to have work
    _sgd((513, 259), momentum=0.9, weight_decay=0.1),
    _adam((513, 259)),
    _norm((513, 259)),
    _clip((513, 259), 0.1),
    _scale((513, 259), 0.3),
    _add((513, 259)),
]
