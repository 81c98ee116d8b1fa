"""Cases of cross_entropy: input (N, C, d…), target, weight; ignore_index, reduction, label_smoothing."""

from .case import Array, Case, Labels, Probabilities, StateWeights, Weights


def _labels(shape, *, weight=None, ignored=None, reduction="mean", smoothing=0.0, layout="contiguous", integer="int64"):
    C, further = (shape[1], shape[2:]) if len(shape) > 1 else (shape[0], ())
    target = Labels((*shape[:1], *further) if len(shape) > 1 else (), classes=C, ignored=ignored, integer=integer)
    inputs = Array(shape, layout), target, None if weight is None else weight((C,))
    return Case("cross_entropy", inputs, (-100 if ignored is None else ignored, reduction, smoothing))


def _probabilities(shape, *, weight=None, reduction="mean", smoothing=0.0, layout="contiguous"):
    C = shape[1] if len(shape) > 1 else shape[0]
    inputs = Array(shape, layout), Probabilities(shape, layout), None if weight is None else weight((C,))
    return Case("cross_entropy", inputs, (-100, reduction, smoothing))


CASES = [
    _labels((17, 10)),
    _labels((65, 3), reduction="sum"),
    _labels((33, 129), reduction="none"),
    _labels((5, 1)),
    _labels((3, 5003)),  # a vocabulary
    _labels((257, 7), weight=Weights, ignored=2),
    _labels((17, 33), weight=StateWeights, smoothing=0.1),
    _labels((33, 7), ignored=-1, smoothing=0.25, integer="int32"),
    _labels((33, 7), weight=Weights, ignored=6, smoothing=1.0, reduction="sum"),
    _labels((65, 33), weight=Weights, ignored=-100, smoothing=0.1, reduction="none"),
    _labels((7,)),
    _labels((7,), weight=Weights, reduction="none", smoothing=0.1),
    _labels((2, 5, 7, 3), weight=Weights, ignored=1, integer="int32"),  # an image's pixels
    _labels((2, 33, 17), reduction="none", smoothing=0.1),
    _labels((3, 17, 9), layout="channels_last"),
    _labels((0, 5), reduction="sum"),
    _labels((0, 5), reduction="none"),
    _labels((0, 5)),  # the mean of nothing is NaN
    _probabilities((17, 10)),
    _probabilities((9, 129), weight=Weights, reduction="sum"),
    _probabilities((9, 33), weight=StateWeights, smoothing=0.2),
    _probabilities((3, 7, 5), reduction="none", smoothing=0.2),
    _probabilities((3, 7, 2, 5), weight=Weights, layout="channels_last"),
    _probabilities((7,), reduction="sum"),
    # layouts
    _labels((17, 33), layout="transposed"),
    _labels((17, 33), layout="rows"),
    _labels((17, 33), layout="strided", weight=Weights),
    _labels((17, 33), layout="negative"),
    _labels((17, 33), layout="broadcast"),
    _probabilities((17, 33), layout="transposed"),
    _probabilities((17, 33), layout="negative"),
]

# fmt: off
LARGE = [  # enough for several threads to have work
    Case("cross_entropy", (Array((2051, 65)), Labels((2051,), classes=65), None), (-100, "mean", 0.1)),
        Case("cross_entropy", (Array((9, 30011)), Labels((9,), classes=30011), None), (-100, "none", 0.0)),
        Case("cross_entropy", (Array((5, 7, 33, 65)), Labels((5, 33, 65), classes=7), Array((7,))), (-100, "sum", 0.0)),
]

BATCHED = [  # of independent parts along the first dimension
    Case("cross_entropy", (Array((37, 65)), Labels((37,), classes=65), None), (-100, "none", 0.1)),
]
# fmt: on
