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
ROWS = [
    ("layer_norm", (normal(3, 5), normal(5), normal(5)), ((5,), 1e-5)),
    ("layer_norm", (normal(2, 3, 2, 2), normal(2, 2), None), ((2, 2), 0.3)),
    ("layer_norm", (normal(4), None, normal(4)), ((4,), 1e-2)),
    ("layer_norm", (normal(0, 3), normal(3), normal(3)), ((3,), 1e-5)),
    ("rms_norm", (normal(3, 5), normal(5)), ((5,), 1e-5)),
    ("rms_norm", (normal(2, 3, 2), None), ((3, 2), 0.3)),
    ("rms_norm", (normal(0, 3), normal(3)), ((3,), 1e-5)),
]
GROUP_NORM = [
    ("group_norm", (normal(2, 6), normal(6), normal(6)), (2, 1e-5)),
    ("group_norm", (normal(2, 4, 3, 2), normal(4), None), (2, 1e-3)),
    ("group_norm", (normal(2, 3, 4), None, None), (1, 0.2)),
    ("group_norm", (normal(0, 4, 2), normal(4), normal(4)), (2, 1e-5)),
]
CASES = [*BATCH_NORM, *GROUP_NORM, *ROWS]
