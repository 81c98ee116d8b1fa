"""Optimizers called right and wrong."""

import numpy as np

from .values import nan, normal

# fmt: off
RIGHT = {
    "sgd": ("sgd", dict(
        parameter=normal(3, 4), gradient=normal(3, 4), momentum_buffer=normal(3, 4), master=None, lr=0.1, momentum=0.9,
        dampening=0.0, weight_decay=0.0, nesterov=True, maximize=False, is_first=False)),
    "adam": ("adam", dict(
        parameter=normal(3, 4), gradient=normal(3, 4), exp_avg=normal(3, 4), exp_avg_sq=np.abs(normal(3, 4)),
        master=None, step=1, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01,
        decoupled_weight_decay=True, maximize=False)),
    "norm": ("norm", dict(input=normal(3, 4), previous=np.array(2, np.float32), norm_type=2.0)),
    "clip": ("clip", dict(input=normal(3, 4), norm=np.array(2, np.float32), max_norm=1.0)),
    "scale": ("scale", dict(input=normal(3, 4), previous=np.array(0, np.float32), factor=2.0, unscale=True)),
    "add": ("add", dict(input=normal(3, 4), other=normal(3, 4))),
}
# fmt: on

WRONG = [
    ("sgd", "gradient", normal(4, 3), ValueError, ["(4, 3)", "(3, 4)"]),
    ("sgd", "gradient", normal(3, 4, dtype=np.float64), TypeError, ["float64"]),
    ("sgd", "momentum_buffer", normal(3, 4, dtype=np.float16), TypeError, ["float16", "float32"]),
    ("sgd", "momentum_buffer", normal(3), ValueError, ["(3,)"]),
    ("sgd", "momentum_buffer", None, ValueError, ["None", "0.9"]),
    ("sgd", "master", normal(3, 4, dtype=np.float64), TypeError, ["float64"]),
    ("sgd", "lr", -1.0, ValueError, ["-1"]),
    ("sgd", "momentum", nan, ValueError, ["nan"]),
    ("sgd", "momentum", 0.0, ValueError, ["nesterov", "0"]),
    ("sgd", "dampening", 0.5, ValueError, ["nesterov", "0.5"]),
    ("sgd", "weight_decay", -1.0, ValueError, ["-1"]),
    ("sgd", "is_first", 1, TypeError, ["1"]),
    ("norm", "norm_type", 0.0, ValueError, ["0"]),
    ("norm", "norm_type", nan, ValueError, ["nan"]),
    ("norm", "previous", normal(1), ValueError, ["(1,)"]),
    ("clip", "max_norm", -1.0, ValueError, ["-1"]),
    ("clip", "norm", normal(2), ValueError, ["(2,)"]),
    ("clip", "norm", np.array(1, np.int64), TypeError, ["int64"]),
    ("scale", "factor", nan, ValueError, ["nan"]),
    ("scale", "previous", np.array(1.0), TypeError, ["float64"]),
    ("scale", "unscale", 1, TypeError, ["1"]),
    ("add", "other", normal(4, 3), ValueError, ["(4, 3)", "(3, 4)"]),
    ("add", "other", normal(3, 4, dtype=np.float16), TypeError, ["float16", "float32"]),
    ("adam", "gradient", normal(4, 3), ValueError, ["(4, 3)", "(3, 4)"]),
    ("adam", "gradient", normal(3, 4, dtype=np.float64), TypeError, ["float64"]),
    ("adam", "exp_avg", normal(3, 4, dtype=np.float16), TypeError, ["float16", "float32"]),
    ("adam", "exp_avg_sq", normal(3), ValueError, ["(3,)"]),
    ("adam", "master", normal(3, 4, dtype=np.float64), TypeError, ["float64"]),
    ("adam", "step", 0, ValueError, ["0"]),
    ("adam", "step", 1.0, TypeError, ["1.0"]),
    ("adam", "lr", -1.0, ValueError, ["-1"]),
    ("adam", "lr", nan, ValueError, ["nan"]),
    ("adam", "beta1", 1.0, ValueError, ["1"]),
    ("adam", "beta1", -0.1, ValueError, ["-0.1"]),
    ("adam", "beta2", nan, ValueError, ["nan"]),
    ("adam", "eps", -1.0, ValueError, ["-1"]),
    ("adam", "weight_decay", -1.0, ValueError, ["-1"]),
]
