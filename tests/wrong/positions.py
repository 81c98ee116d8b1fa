"""Rotary embedding called right and wrong."""

import numpy as np

from .values import inf, nan, normal

# fmt: off
RIGHT = {
    "rotary_embedding": ("rotary_embedding", dict(
        input=normal(2, 3, 5, 8), positions=np.arange(5), base=10000.0, interleaved=False, rotary_dim=6)),
}
# fmt: on

WRONG = [
    ("rotary_embedding", "input", normal(8), ValueError, ["(8,)"]),
    ("rotary_embedding", "input", np.ones((5, 8), np.int64), TypeError, ["int64"]),
    ("rotary_embedding", "input", normal(2, 3, 4, 8), ValueError, ["positions", "(5,)", "(2, 3, 4)"]),
    ("rotary_embedding", "positions", np.arange(4), ValueError, ["(4,)", "(2, 3, 5)"]),
    ("rotary_embedding", "positions", np.zeros((2, 5), np.int64), ValueError, ["(2, 5)", "(2, 3, 5)"]),
    ("rotary_embedding", "positions", np.zeros((1, 2, 3, 5), np.int64), ValueError, ["(1, 2, 3, 5)"]),
    ("rotary_embedding", "positions", np.zeros((), np.int64), ValueError, ["()"]),
    ("rotary_embedding", "positions", normal(5), TypeError, ["float32", "int64"]),
    ("rotary_embedding", "positions", np.ones(5, bool), TypeError, ["bool"]),
    ("rotary_embedding", "base", 0.0, ValueError, ["0"]),
    ("rotary_embedding", "base", -1.0, ValueError, ["-1"]),
    ("rotary_embedding", "base", nan, ValueError, ["nan"]),
    ("rotary_embedding", "base", inf, ValueError, ["inf"]),
    ("rotary_embedding", "interleaved", 1, TypeError, ["1"]),
    ("rotary_embedding", "rotary_dim", 5, ValueError, ["5", "(2, 3, 5, 8)"]),
    ("rotary_embedding", "rotary_dim", 10, ValueError, ["10", "(2, 3, 5, 8)"]),
    ("rotary_embedding", "rotary_dim", -1, ValueError, ["-1"]),
    ("rotary_embedding", "rotary_dim", 2.5, TypeError, ["2.5"]),
]
