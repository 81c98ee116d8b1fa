"""How the inputs of small cases are drawn: functions of a generator."""

import numpy as np


def normal(*shape):
    return lambda rng: rng.standard_normal(shape)


def distinct(*shape):
    """Values that differ by 0.1 at least, so that a small step changes no maximum."""
    return lambda rng: 0.1 * rng.permutation(np.prod(shape)).reshape(shape) - 1.0


def labels(high, *shape, ignored=None):
    def draw(rng):
        target = rng.integers(0, high, shape)
        if ignored is not None and target.size:
            target.reshape(-1)[::3] = ignored
        return target

    return draw


def probabilities(*shape):
    def draw(rng):
        p = np.exp(rng.standard_normal(shape))
        return p / p.sum(axis=1 if len(shape) > 1 else 0, keepdims=True)

    return draw


def positive(*shape):
    return lambda rng: rng.uniform(0.5, 2.0, shape)
