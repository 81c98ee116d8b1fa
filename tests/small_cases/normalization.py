"""Small cases of the normalisations: op, inputs (drawn), parameters."""

from .draw import normal, positive

BATCH_NORM = [
    ("batch_norm_inference", (normal(3, 2), normal(2), positive(2), normal(2), normal(2)), (1e-5,)),
    ("batch_norm_inference", (normal(2, 3, 2, 2), normal(3), positive(3), None, None), (0.3,)),
    ("batch_norm_inference", (normal(0, 3, 2), normal(3), positive(3), normal(3), None), (0.0,)),
    ("batch_norm_training", (normal(5, 2), normal(2), positive(2), normal(2), normal(2)), (0.1, 1e-5)),
    ("batch_norm_training", (normal(3, 2, 4), None, None, None, None), (0.1, 0.2)),
    ("batch_norm_training", (normal(2, 3, 2, 2), None, positive(3), normal(3), None), (0.5, 1e-3)),
    ("batch_norm_training", (normal(0, 3, 2), normal(3), positive(3), normal(3), normal(3)), (0.1, 1e-5)),
]
CASES = [*BATCH_NORM]
