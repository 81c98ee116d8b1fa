"""Cases of the normalisations.

batch_norm_inference: input (N, C, …), running_mean, running_var, weight, bias; eps.
batch_norm_training: input (N, C, …), running_mean, running_var, weight, bias; momentum, eps.
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

CASES = [*INFERENCE, *TRAINING]

# fmt: off
LARGE = [  # enough for several threads to have work
    _inference((5, 33, 35, 33)),
    _training((5, 33, 35, 33)),
    _training((5, 7, 35, 33), own=False),
    _training((5, 33, 35, 33), layout="channels_last"),
]

BATCHED = [  # of independent parts along the first dimension
    _inference((5, 9, 5, 7)),
    _inference((5, 9, 5, 7), layout="channels_last"),
]
# fmt: on
