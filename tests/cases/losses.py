"""Cases of losses, their arguments in the order of the op table."""

from .case import Array, Case, Extreme, Fractions, Labels, Probabilities, StateWeights, Weights


def _labels(shape, *, weight=None, ignored=None, reduction="mean", smoothing=0.0, layout="contiguous", integer="int64"):
    C, further = (shape[1], shape[2:]) if len(shape) > 1 else (shape[0], ())
    target = Labels((*shape[:1], *further) if len(shape) > 1 else (), classes=C, ignored=ignored, integer=integer)
    inputs = Array(shape, layout), target, None if weight is None else weight((C,))
    return Case("cross_entropy", inputs, (-100 if ignored is None else ignored, reduction, smoothing))


def _probabilities(shape, *, weight=None, reduction="mean", smoothing=0.0, layout="contiguous"):
    C = shape[1] if len(shape) > 1 else shape[0]
    inputs = Array(shape, layout), Probabilities(shape, layout), None if weight is None else weight((C,))
    return Case("cross_entropy", inputs, (-100, reduction, smoothing))


CROSS_ENTROPY = [
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


def _likelihood(shape, **options):
    """As the labels' case of cross_entropy, without label smoothing."""
    case = _labels(shape, **options)
    return Case("nll_loss", case.inputs, case.parameters[:2])


NLL_LOSS = [
    _likelihood((17, 10)),
    _likelihood((65, 3), reduction="sum", integer="int32"),
    _likelihood((33, 129), reduction="none"),
    _likelihood((5, 1)),
    _likelihood((9001, 2)),
    _likelihood((257, 7), weight=Weights, ignored=2),
    _likelihood((257, 7), weight=StateWeights, ignored=-1, reduction="sum"),
    _likelihood((65, 33), weight=Weights, ignored=-100, reduction="none"),
    _likelihood((7,)),
    _likelihood((7,), weight=Weights, reduction="none"),
    _likelihood((2, 5, 7, 3), weight=Weights, ignored=1, integer="int32"),
    _likelihood((3, 17, 9), layout="channels_last"),
    _likelihood((3, 17, 9, 2), layout="channels_last", reduction="none"),
    _likelihood((0, 5), reduction="sum"),
    _likelihood((0, 5), reduction="none"),
    _likelihood((0, 5)),
    *[_likelihood((17, 33), layout=each) for each in ("transposed", "rows", "strided", "negative", "broadcast")],
]


def _squares(shape, reduction="mean", *, weight=False, layout="contiguous", other=None):
    other = layout if other is None else other
    inputs = Array(shape, layout), Array(shape, other), Weights(shape, layout) if weight else None
    return Case("mse_loss", inputs, (reduction,))


def _extreme_squares(weight):
    inputs = Extreme((9, 33)), Array((9, 33)), Weights((9, 33)) if weight else None
    return Case("mse_loss", inputs, ("none",), dtypes=("float32", "bfloat16", "float64"))  # whose range has 10⁸


MSE_LOSS = [
    case
    for weight in (False, True)
    for case in [
        _squares((17, 10), weight=weight),
        _squares((9, 33), "sum", weight=weight),
        _squares((3, 5, 7), "none", weight=weight),
        _squares((16411,), weight=weight),  # more than two blocks
        _extreme_squares(weight),
        _squares((), weight=weight),
        _squares((), "none", weight=weight),
        _squares((0, 3), "sum", weight=weight),
        _squares((0, 3), "none", weight=weight),
        _squares((0, 3), weight=weight),  # the mean of nothing is nan
        _squares((2, 5, 3, 7), "none", weight=weight, layout="channels_last"),
        _squares((2, 5, 3, 7), weight=weight, layout="channels_last", other="contiguous"),
        _squares((2, 5, 3, 7), "none", weight=weight, layout="contiguous", other="channels_last"),
        *[_squares((5, 17), weight=weight, layout=each) for each in ("transposed", "rows", "strided", "negative")],
        _squares((5, 17), "none", weight=weight, layout="broadcast", other="offset"),
    ]
]


def _binary(shape, reduction="mean", *, weight=None, pos_weight=None, layout="contiguous", other=None, scale=1.0,
            kind=Weights):  # fmt: skip
    inputs = (
        Array(shape, layout, scale),
        Fractions(shape, layout if other is None else other),
        None if weight is None else kind(weight),
        None if pos_weight is None else kind(pos_weight),
    )
    return Case("binary_cross_entropy_with_logits", inputs, (reduction,))


BINARY_CROSS_ENTROPY = [
    _binary((17, 10)),
    _binary((9, 33), "sum", scale=20.0),
    _binary((3, 5, 7), "none", scale=5.0),
    _binary((16411,), scale=5.0),
    _binary((9, 33), pos_weight=(33,)),
    _binary((9, 33), "none", pos_weight=(33,), kind=StateWeights, scale=5.0),
    _binary((9, 33), "sum", weight=(9, 1)),
    _binary((9, 33), weight=(1,), pos_weight=()),
    _binary((9, 33), "none", weight=(9, 33), pos_weight=(1, 33), kind=StateWeights),
    _binary((2, 5, 7, 3), "none", pos_weight=(5, 1, 1)),
    _binary((2, 5, 7, 3), "none", weight=(2, 1, 7, 1), pos_weight=(5, 1, 1), layout="channels_last"),
    _binary((2, 5, 7, 3), weight=(2, 5, 1, 1), layout="channels_last"),
    _binary((2, 5, 7, 3), "none", weight=(5, 1, 3), layout="channels_last", other="contiguous"),
    _binary((300, 67), weight=(67,), pos_weight=(300, 67)),
    Case("binary_cross_entropy_with_logits", (Extreme((9, 33)), Fractions((9, 33)), None, None), ("none",)),
    Case("binary_cross_entropy_with_logits", (Extreme((9, 33)), Fractions((9, 33)), None, Weights((33,))), ("none",)),
    _binary(()),
    _binary((), "none", weight=(), pos_weight=()),
    _binary((0, 3), "sum", pos_weight=(3,)),
    _binary((0, 3), "none", weight=(3,)),
    _binary((0, 3)),  # the mean of nothing is nan
    *[_binary((5, 17), "none", pos_weight=(17,), layout=each) for each in ("transposed", "rows", "strided")],
    *[_binary((5, 17), weight=(17,), layout=each) for each in ("negative", "broadcast", "offset")],
]

CASES = [*CROSS_ENTROPY, *NLL_LOSS, *MSE_LOSS, *BINARY_CROSS_ENTROPY]

# fmt: off
LARGE = [  # enough for several threads to have work
    Case("cross_entropy", (Array((2051, 65)), Labels((2051,), classes=65), None), (-100, "mean", 0.1)),
        Case("cross_entropy", (Array((9, 30011)), Labels((9,), classes=30011), None), (-100, "none", 0.0)),
        Case("cross_entropy", (Array((5, 7, 33, 65)), Labels((5, 33, 65), classes=7), Array((7,))), (-100, "sum", 0.0)),
    _likelihood((20011, 5), weight=Weights, ignored=1),
    _squares((130, 517), weight=True),
    _squares((50021,), "sum"),
    _binary((130, 517), weight=(517,), pos_weight=(130, 1)),
    _binary((50021,), "none"),
]

BATCHED = [  # of independent parts along the first dimension
    Case("cross_entropy", (Array((37, 65)), Labels((37,), classes=65), None), (-100, "none", 0.1)),
    _likelihood((37, 65), reduction="none"),
    _squares((37, 65), "none"),
    _binary((37, 65), "none", pos_weight=(65,)),
]
# fmt: on
