"""Normalisations called right and wrong."""

import numpy as np

from .values import nan, normal

# fmt: off
RIGHT = {
    "batch_norm": ("batch_norm_training", dict(
        input=normal(2, 4, 5), running_mean=normal(4), running_var=np.ones(4, np.float32), weight=normal(4),
        bias=normal(4), training=True, momentum=0.1, eps=1e-5)),
    "group_norm": ("group_norm", dict(
        input=normal(2, 4, 5), num_groups=2, weight=normal(4), bias=normal(4), eps=1e-5)),
    "layer_norm": ("layer_norm", dict(
        input=normal(2, 4, 5), normalized_shape=(4, 5), weight=normal(4, 5), bias=normal(4, 5), eps=1e-5)),
    "rms_norm": ("rms_norm", dict(input=normal(2, 4, 5), normalized_shape=5, weight=normal(5), eps=None)),
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
    ("group_norm", "input", normal(4), ValueError, ["(4,)"]),
    ("group_norm", "input", normal(2, 5, 4), ValueError, ["(2, 5, 4)", "5", "2"]),
    ("group_norm", "num_groups", 3, ValueError, ["3", "4"]),
    ("group_norm", "num_groups", 0, ValueError, ["0"]),
    ("group_norm", "num_groups", -2, ValueError, ["-2"]),
    ("group_norm", "num_groups", 2.0, TypeError, ["2.0"]),
    ("group_norm", "num_groups", 2**62, ValueError, [str(2**62)]),
    ("group_norm", "weight", normal(2), ValueError, ["(2,)", "(4,)"]),
    ("group_norm", "weight", normal(4, dtype=np.float64), TypeError, ["float64", "float32"]),
    ("group_norm", "bias", normal(1, 4), ValueError, ["(1, 4)", "(4,)"]),
    ("group_norm", "eps", -1.0, ValueError, ["-1"]),
    ("group_norm", "eps", nan, ValueError, ["nan"]),
    ("layer_norm", "input", normal(2, 5, 4), ValueError, ["(2, 5, 4)", "(4, 5)"]),
    ("layer_norm", "input", normal(5), ValueError, ["(5,)", "(4, 5)"]),
    ("layer_norm", "normalized_shape", (), ValueError, ["()"]),
    ("layer_norm", "normalized_shape", (1,) * 9, ValueError, ["8"]),
    ("layer_norm", "normalized_shape", 5, ValueError, ["(5,)", "(4, 5)"]),
    ("layer_norm", "normalized_shape", (4, 5.0), TypeError, ["5.0"]),
    ("layer_norm", "normalized_shape", None, TypeError, ["None"]),
    ("layer_norm", "weight", normal(5), ValueError, ["(5,)", "(4, 5)"]),
    ("layer_norm", "weight", normal(4, 5, dtype=np.float64), TypeError, ["float64", "float32"]),
    ("layer_norm", "bias", normal(5, 4), ValueError, ["(5, 4)", "(4, 5)"]),
    ("layer_norm", "eps", -1e-3, ValueError, ["-0.001"]),
    ("layer_norm", "eps", nan, ValueError, ["nan"]),
    ("layer_norm", "eps", None, TypeError, ["None"]),
    ("rms_norm", "input", np.ones((), np.float32), ValueError, ["()", "(5,)"]),
    ("rms_norm", "normalized_shape", 4, ValueError, ["(2, 4, 5)", "(4,)"]),
    ("rms_norm", "weight", normal(4), ValueError, ["(4,)", "(5,)"]),
    ("rms_norm", "eps", -1.0, ValueError, ["-1"]),
    ("rms_norm", "eps", "x", TypeError, ["'x'"]),
]
