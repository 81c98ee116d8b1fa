"""Random called right and wrong."""

import numpy as np

from .values import inf, nan, normal

# fmt: off
RIGHT = {
    "dropout": ("dropout", dict(input=normal(3, 4), p=0.5, seed=1)),
}
# fmt: on

WRONG = [
    ("dropout", "p", -0.1, ValueError, ["-0.1"]),
    ("dropout", "p", 1.5, ValueError, ["1.5"]),
    ("dropout", "p", nan, ValueError, ["nan"]),
    ("dropout", "p", inf, ValueError, ["inf"]),
    ("dropout", "p", "half", TypeError, ["half"]),
    ("dropout", "seed", 1.5, TypeError, ["1.5"]),
    ("dropout", "seed", "x", TypeError, ["'x'"]),
    ("dropout", "input", np.arange(5), TypeError, ["int64"]),
]
