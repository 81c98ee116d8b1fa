"""What arguments are made of."""

import numpy as np

RNG = np.random.default_rng(5)
nan, inf = float("nan"), float("inf")


def normal(*shape, dtype=np.float32):
    return RNG.standard_normal(shape).astype(dtype)
