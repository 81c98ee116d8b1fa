"""Losses called right and wrong."""

import numpy as np

from .values import nan, normal

# fmt: off
RIGHT = {
    "cross_entropy": ("cross_entropy", dict(
        input=normal(3, 4), target=np.array([0, 3, 1]), weight=np.ones(4, np.float32), ignore_index=-100,
        reduction="mean", label_smoothing=0.1)),
}
# fmt: on

WRONG = [
    ("cross_entropy", "input", np.ones((), np.float32), ValueError, ["()"]),
    ("cross_entropy", "input", normal(4, 4), ValueError, ["(3,)", "(4, 4)"]),
    ("cross_entropy", "target", np.array([0, 4, 1]), ValueError, ["4"]),
    ("cross_entropy", "target", np.array([0, -1, 1]), ValueError, ["-1"]),
    ("cross_entropy", "target", np.array([0, 2**40, 1]), ValueError, [str(2**40)]),
    ("cross_entropy", "target", np.array([0, -(2**63), 1]), ValueError, [str(-(2**63))]),
    ("cross_entropy", "target", np.array([0, 3, 1], np.uint8), TypeError, ["uint8"]),
    ("cross_entropy", "target", np.array([True, False, True]), TypeError, ["bool"]),
    ("cross_entropy", "target", normal(3), (TypeError, ValueError), []),
    ("cross_entropy", "target", normal(3, 5), ValueError, ["(3, 5)"]),
    ("cross_entropy", "target", normal(3, 4, dtype=np.float64), TypeError, ["float64"]),
    ("cross_entropy", "weight", normal(3), ValueError, ["(3,)", "4"]),
    ("cross_entropy", "weight", normal(4, dtype=np.float64), TypeError, ["float64"]),
    ("cross_entropy", "weight", np.ones(4, np.int64), TypeError, ["int64"]),
    ("cross_entropy", "reduction", "avg", ValueError, ["avg", "mean"]),
    ("cross_entropy", "reduction", 1, TypeError, ["1"]),
    ("cross_entropy", "label_smoothing", -0.1, ValueError, ["-0.1"]),
    ("cross_entropy", "label_smoothing", 1.1, ValueError, ["1.1"]),
    ("cross_entropy", "label_smoothing", nan, ValueError, ["nan"]),
    ("cross_entropy", "label_smoothing", "0", TypeError, ["'0'"]),
    ("cross_entropy", "ignore_index", 1.5, TypeError, ["1.5"]),
    ("cross_entropy", "ignore_index", 2**65, ValueError, [str(2**65)]),
]
