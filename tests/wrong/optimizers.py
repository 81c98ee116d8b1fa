"""Optimizers called right and wrong."""

import numpy as np

from .values import nan, normal

# fmt: off
RIGHT = {
    "adamw": ("adamw", dict(
        parameter=normal(3, 4), gradient=normal(3, 4), exp_avg=normal(3, 4), exp_avg_sq=np.abs(normal(3, 4)),
        master=None, step=1, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01)),
}
# fmt: on

WRONG = [
    ("adamw", "gradient", normal(4, 3), ValueError, ["(4, 3)", "(3, 4)"]),
    ("adamw", "gradient", normal(3, 4, dtype=np.float64), TypeError, ["float64"]),
    ("adamw", "exp_avg", normal(3, 4, dtype=np.float16), TypeError, ["float16", "float32"]),
    ("adamw", "exp_avg_sq", normal(3), ValueError, ["(3,)"]),
    ("adamw", "master", normal(3, 4, dtype=np.float64), TypeError, ["float64"]),
    ("adamw", "step", 0, ValueError, ["0"]),
    ("adamw", "step", 1.0, TypeError, ["1.0"]),
    ("adamw", "lr", -1.0, ValueError, ["-1"]),
    ("adamw", "lr", nan, ValueError, ["nan"]),
    ("adamw", "beta1", 1.0, ValueError, ["1"]),
    ("adamw", "beta1", -0.1, ValueError, ["-0.1"]),
    ("adamw", "beta2", nan, ValueError, ["nan"]),
    ("adamw", "eps", -1.0, ValueError, ["-1"]),
    ("adamw", "weight_decay", -1.0, ValueError, ["-1"]),
]
