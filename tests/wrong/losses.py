"""Losses called right and wrong."""

import numpy as np

from .values import nan, normal

# fmt: off
RIGHT = {
    "cross_entropy": ("cross_entropy", dict(
        input=normal(3, 4), target=np.array([0, 3, 1]), weight=np.ones(4, np.float32), ignore_index=-100,
        reduction="mean", label_smoothing=0.1)),
    "nll_loss": ("nll_loss", dict(
        input=normal(3, 4), target=np.array([0, 3, 1]), weight=np.ones(4, np.float32), ignore_index=-100,
        reduction="mean")),
    "mse_loss": ("mse_loss", dict(
        input=normal(3, 4), target=normal(3, 4), reduction="sum", weight=np.ones((3, 4), np.float32))),
    "binary_cross_entropy_with_logits": ("binary_cross_entropy_with_logits", dict(
        input=normal(3, 4), target=normal(3, 4), weight=np.ones((3, 1), np.float32), reduction="none",
        pos_weight=np.ones(4, np.float32))),
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
    ("nll_loss", "input", np.ones((), np.float32), ValueError, ["()"]),
    ("nll_loss", "input", normal(4, 4), ValueError, ["(3,)", "(4, 4)"]),
    ("nll_loss", "target", np.array([0, 4, 1]), ValueError, ["4"]),
    ("nll_loss", "target", np.array([0, -1, 1]), ValueError, ["-1"]),
    ("nll_loss", "target", normal(3, 4), TypeError, ["float32"]),
    ("nll_loss", "weight", normal(3), ValueError, ["(3,)", "4"]),
    ("nll_loss", "weight", normal(4, dtype=np.float64), TypeError, ["float64"]),
    ("nll_loss", "size_average", True, ValueError, []),
    ("nll_loss", "reduce", False, ValueError, []),
    ("nll_loss", "reduction", "avg", ValueError, ["avg", "mean"]),
    ("nll_loss", "ignore_index", 1.5, TypeError, ["1.5"]),
    ("mse_loss", "target", normal(4), ValueError, ["(4,)", "(3, 4)"]),
    ("mse_loss", "target", normal(3, 4, dtype=np.float64), TypeError, ["float64"]),
    ("mse_loss", "target", np.ones((3, 4), np.int64), TypeError, ["int64"]),
    ("mse_loss", "weight", normal(4), ValueError, ["(4,)", "(3, 4)"]),
    ("mse_loss", "weight", normal(3, 4, dtype=np.float64), TypeError, ["float64"]),
    ("mse_loss", "size_average", True, ValueError, []),
    ("mse_loss", "reduction", None, TypeError, ["None"]),
    ("binary_cross_entropy_with_logits", "target", normal(3, 1), ValueError, ["(3, 1)", "(3, 4)"]),
    ("binary_cross_entropy_with_logits", "target", np.ones((3, 4), np.int64), TypeError, ["int64"]),
    ("binary_cross_entropy_with_logits", "weight", normal(3), ValueError, ["(3,)", "(3, 4)"]),
    ("binary_cross_entropy_with_logits", "weight", normal(1, 3, 4), ValueError, ["(1, 3, 4)"]),
    ("binary_cross_entropy_with_logits", "weight", normal(4, dtype=np.float64), TypeError, ["float64"]),
    ("binary_cross_entropy_with_logits", "weight", np.ones(4, np.int64), TypeError, ["int64"]),
    ("binary_cross_entropy_with_logits", "pos_weight", normal(3), ValueError, ["(3,)", "(3, 4)"]),
    ("binary_cross_entropy_with_logits", "reduce", True, ValueError, []),
    ("binary_cross_entropy_with_logits", "reduction", "batchmean", ValueError, ["batchmean"]),
]
