"""Cases of the normalisations.

batch_norm_inference: input (N, C, …), running_mean, running_var, weight, bias; eps.
batch_norm_training: input (N, C, …), running_mean, running_var, weight, bias; momentum, eps.
group_norm: input (N, C, …), weight, bias; num_groups, eps.
layer_norm: input (…, *normalized_shape), weight, bias; normalized_shape, eps. rms_norm: the same without bias.
"""

from .case import Array, Case, Shifted, State, StateWeights, Weights


def _inference(shape, *, affine=True, own=True, eps=1e-5, layout="contiguous"):
    """With `own`, statistics, weight and bias have the input's dtype, else float32 beside half precision."""
    normal, positive = (Array, Weights) if own else (State, StateWeights)
    C = shape[1:2]
    weight, bias = (normal(C), normal(C)) if affine else (None, None)
    return Case("batch_norm_inference", (Array(shape, layout), normal(C), positive(C), weight, bias), (eps,))


def _training(shape, *, affine=True, tracked=True, own=True, momentum=0.1, eps=1e-5, layout="contiguous", mean=0.0):
    normal, positive = (Array, Weights) if own else (State, StateWeights)
    C = shape[1:2]
    running = (normal(C), positive(C)) if tracked else (None, None)
    weight, bias = (normal(C), normal(C)) if affine else (None, None)
    input = Shifted(shape, layout, mean=mean) if mean else Array(shape, layout)
    return Case("batch_norm_training", (input, *running, weight, bias), (momentum, eps))


_LAYOUTS = ["transposed", "rows", "strided", "negative", "broadcast", "offset", "readonly"]

INFERENCE = [
    _inference((5, 7)),
    _inference((1, 65)),
    _inference((9, 33), own=False),
    _inference((3, 1, 17), affine=False),
    _inference((2, 5, 7, 9)),
    _inference((2, 33, 5, 7), own=False),
    _inference((2, 33, 5, 7), layout="channels_last"),
    _inference((3, 5, 4, 3), affine=False, eps=0.0, layout="channels_last"),
    _inference((2, 3, 3, 4, 5), eps=0.5),
    _inference((1, 2, 131, 127)),  # planes of several parts
    _inference((0, 3, 4)),
    _inference((2, 0, 4)),
    _inference((2, 3, 0)),
    *[_inference((3, 9, 5, 7), layout=layout) for layout in _LAYOUTS],
]

TRAINING = [
    _training((2, 7)),
    _training((33, 65)),
    _training((9, 33), own=False),
    _training((17, 5), affine=False, tracked=False),
    _training((3, 1, 17)),
    _training((1, 3, 2), momentum=1.0),
    _training((2, 5, 7, 9)),
    _training((5, 33, 7, 7), own=False, momentum=0.3),
    _training((5, 33, 7, 7), layout="channels_last", momentum=0.0),
    _training((2, 65, 4, 3), affine=False, eps=0.1),
    _training((2, 65, 4, 3), layout="channels_last", tracked=False),
    _training((3, 2, 3, 4, 5), layout="channels_last"),
    _training((130, 3, 5, 7)),  # several planes to a piece, several pieces
    _training((2, 3, 53, 43)),  # several pieces to a plane
    _training((1, 37, 47, 51)),
    _training((2, 3, 35, 33), layout="channels_last", own=False),  # several chunks of rows
    _training((9, 7, 5, 7), mean=1000.0),
    _training((9, 7, 5, 7), mean=1000.0, layout="channels_last"),
    _training((0, 3, 4)),
    _training((2, 0, 4)),
    _training((2, 3, 0)),
    *[_training((3, 9, 5, 7), layout=layout) for layout in _LAYOUTS],
    _training((17, 33), layout="broadcast"),  # no variance at all
]


def _rows(op, shape, dims=1, *, affine="weight bias", own=True, eps=1e-5, layout="contiguous", mean=0.0):
    """Rows over the last `dims` dimensions; with `own`, weight and bias have the input's dtype."""
    normal, normalized = (Array if own else State), shape[len(shape) - dims :]
    input = Shifted(shape, layout, mean=mean) if mean else Array(shape, layout)
    names = ("weight", "bias") if op == "layer_norm" else ("weight",)
    return Case(op, (input, *(normal(normalized) if name in affine else None for name in names)), (normalized, eps))


ROWS = {
    op: [
        _rows(op, (5, 7)),
        _rows(op, (33, 65)),
        _rows(op, (9, 129), own=False),
        _rows(op, (33, 65), affine="weight"),
        _rows(op, (33, 33), affine="bias"),
        _rows(op, (9, 33), affine="", eps=0.1),
        _rows(op, (67,)),
        _rows(op, (9, 1), eps=0.5),
        _rows(op, (2, 5, 33), own=False),
        _rows(op, (3, 2, 5, 7), 2),
        _rows(op, (2, 3, 5, 7), 3, layout="channels_last"),
        _rows(op, (2, 3, 1, 5), 4),
        _rows(op, (3, 5003)),  # several pieces to a row
        _rows(op, (1171, 7)),  # several chunks of rows
        _rows(op, (9, 129), mean=1000.0),
        _rows(op, (0, 5)),
        _rows(op, (2, 0, 5), 2),
        _rows(op, (3, 0)),
        *[_rows(op, (3, 5, 33), layout=layout) for layout in _LAYOUTS],
    ]
    for op in ("layer_norm", "rms_norm")
}


def _groups(shape, num_groups, *, affine=True, own=True, eps=1e-5, layout="contiguous", mean=0.0):
    normal, C = (Array if own else State), shape[1:2]
    input = Shifted(shape, layout, mean=mean) if mean else Array(shape, layout)
    weight, bias = (normal(C), normal(C)) if affine else (None, None)
    return Case("group_norm", (input, weight, bias), (num_groups, eps))


GROUPS = [
    _groups((5, 12), 3),
    _groups((33, 66), 33, own=False),
    _groups((2, 6, 7), 2),
    _groups((2, 6, 7), 6, affine=False),
    _groups((3, 8, 5, 7), 4),
    _groups((3, 8, 5, 7), 1, own=False),
    _groups((3, 8, 5, 7), 4, layout="channels_last"),
    _groups((2, 66, 3, 5), 3, own=False, layout="channels_last"),
    _groups((2, 9, 2, 3, 4), 3, affine=False, eps=0.1, layout="channels_last"),
    _groups((1, 4, 53, 43), 2),  # several pieces to a plane
    _groups((2, 4, 37, 31), 2, layout="channels_last"),  # several chunks of rows
    _groups((3, 8, 5, 7), 4, mean=1000.0),
    _groups((3, 8, 5, 7), 4, mean=1000.0, layout="channels_last"),
    _groups((0, 4, 3), 2),
    _groups((2, 0, 3), 2),
    _groups((2, 4, 0), 2),
    *[_groups((3, 8, 5, 7), 2, layout=layout) for layout in _LAYOUTS],
]

CASES = [*INFERENCE, *TRAINING, *ROWS["layer_norm"], *ROWS["rms_norm"], *GROUPS]

# fmt: off
LARGE = [  # enough for several threads to have work
    _inference((5, 33, 35, 33)),
    _training((5, 33, 35, 33)),
    _training((5, 7, 35, 33), own=False),
    _training((5, 33, 35, 33), layout="channels_last"),
    _groups((5, 32, 35, 33), 8),
    _groups((5, 32, 35, 33), 8, layout="channels_last"),
    _rows("layer_norm", (1027, 129)),
    _rows("rms_norm", (515, 257), own=False),
]

BATCHED = [  # of independent parts along the first dimension
    _inference((5, 9, 5, 7)),
    _inference((5, 9, 5, 7), layout="channels_last"),
    _groups((5, 8, 5, 7), 4),
    _groups((5, 8, 5, 7), 4, layout="channels_last"),
    _rows("layer_norm", (37, 65)),
    _rows("rms_norm", (37, 65)),
]
# fmt: on
