"""Small cases of losses: op, inputs (drawn), parameters."""

from .draw import labels, normal, positive, probabilities

CROSS_ENTROPY = [
    *[("cross_entropy", (normal(5, 4), labels(4, 5, ignored=-100), w, ), (-100, reduction, smoothing))
      for w in (None, positive(4)) for reduction in ("mean", "sum", "none") for smoothing in (0.0, 0.2)],
    *[("cross_entropy", (normal(5, 4), probabilities(5, 4), w), (-100, reduction, smoothing))
      for w in (None, positive(4)) for reduction in ("mean", "sum", "none") for smoothing in (0.0, 0.2)],
    ("cross_entropy", (normal(2, 3, 4, 2), labels(3, 2, 4, 2, ignored=1), positive(3)), (1, "mean", 0.1)),
    ("cross_entropy", (normal(2, 3, 4), probabilities(2, 3, 4), positive(3)), (-100, "mean", 0.1)),
    ("cross_entropy", (normal(3), labels(3), None), (-100, "mean", 0.0)),
    ("cross_entropy", (normal(3), probabilities(3), None), (-100, "none", 0.5)),
    ("cross_entropy", (normal(0, 3), labels(3, 0), None), (-100, "sum", 0.0)),
]  # fmt: skip
REDUCTIONS = ("mean", "sum", "none")
NLL_LOSS = [
    *[("nll_loss", (normal(5, 4), labels(4, 5, ignored=-100), w), (-100, reduction))
      for w in (None, positive(4)) for reduction in REDUCTIONS],
    ("nll_loss", (normal(2, 3, 4, 2), labels(3, 2, 4, 2, ignored=1), positive(3)), (1, "mean")),
    ("nll_loss", (normal(3), labels(3), None), (-100, "mean")),
    ("nll_loss", (normal(0, 3), labels(3, 0), None), (-100, "sum")),
]  # fmt: skip
MSE_LOSS = [
    *[("mse_loss", (normal(3, 4), normal(3, 4), w), (reduction,))
      for w in (None, positive(3, 4)) for reduction in REDUCTIONS],
    ("mse_loss", (normal(), normal(), None), ("none",)),
    ("mse_loss", (normal(0, 4), normal(0, 4), None), ("sum",)),
]  # fmt: skip
BINARY_CROSS_ENTROPY = [
    *[("binary_cross_entropy_with_logits", (normal(3, 4), positive(3, 4), w, p), (reduction,))
      for w in (None, positive(3, 1)) for p in (None, positive(4)) for reduction in REDUCTIONS],
    ("binary_cross_entropy_with_logits", (normal(), normal(), None, positive()), ("none",)),
    ("binary_cross_entropy_with_logits", (normal(0, 4), normal(0, 4), None, None), ("sum",)),
]  # fmt: skip
CASES = [*CROSS_ENTROPY, *NLL_LOSS, *MSE_LOSS, *BINARY_CROSS_ENTROPY]
