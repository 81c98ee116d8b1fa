"""Normalisations called right and wrong."""

import numpy as np

from .values import nan, normal

# fmt: off
RIGHT = {
    "batch_norm": ("batch_norm_training", dict(
        input=normal(2, 4, 5), running_mean=normal(4), running_var=np.ones(4, np.float32), weight=normal(4),
        bias=normal(4), training=True, momentum=0.1, eps=1e-5)),
}
# fmt: on

WRONG = [
    ("batch_norm", "input", normal(4), ValueError, ["(4,)"]),
    ("batch_norm", "input", normal(1, 4), ValueError, ["(1, 4)", "one value"]),
    ("batch_norm", "input", normal(2, 3, 5), ValueError, ["(2, 3, 5)", "(4,)", "(3,)"]),
    ("batch_norm", "running_mean", normal(5), ValueError, ["(5,)", "(4,)"]),
    ("batch_norm", "running_mean", normal(4, dtype=np.float64), TypeError, ["float64", "float32"]),
    ("batch_norm", "running_mean", np.broadcast_to(np.float32(0), 4), ValueError, ["read-only"]),
    ("batch_norm", "running_var", normal(1, 4), ValueError, ["(1, 4)", "(4,)"]),
    ("batch_norm", "running_var", np.ones(4, np.int64), TypeError, ["int64"]),
    ("batch_norm", "weight", normal(3), ValueError, ["(3,)", "(4,)"]),
    ("batch_norm", "weight", normal(4, dtype=np.float16), TypeError, ["float16", "float32"]),
    ("batch_norm", "bias", np.ones((), np.float32), ValueError, ["()"]),
    ("batch_norm", "momentum", 1.5, ValueError, ["1.5"]),
    ("batch_norm", "momentum", nan, ValueError, ["nan"]),
    ("batch_norm", "momentum", None, TypeError, ["None"]),
    ("batch_norm", "eps", 0.0, ValueError, ["0"]),
    ("batch_norm", "eps", -1.0, ValueError, ["-1"]),
    ("batch_norm", "eps", nan, ValueError, ["nan"]),
    ("batch_norm", "eps", "a", TypeError, ["'a'"]),
]
