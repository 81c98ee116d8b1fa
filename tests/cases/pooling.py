"""Cases of pooling, of input (N, C, spatial…), and the parameters of

max_pool: kernel_size, stride, padding, dilation, ceil_mode, return_indices;
avg_pool: kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override (0: none);
adaptive_avg_pool: output_size (−1: the input's); adaptive_max_pool: output_size, return_indices.
"""

from .case import Array, Case


def _case(
    shape, kernel_size, *, stride=None, padding=0, dilation=1, ceil_mode=False, indices=True, layout="contiguous"
):
    """One number stands for as many as there are spatial dimensions; no stride means the kernel's size."""
    stride = kernel_size if stride is None else stride
    rank = len(kernel_size)
    stride, padding, dilation = (v if isinstance(v, tuple) else (v,) * rank for v in (stride, padding, dilation))
    return Case("max_pool", (Array(shape, layout),), (kernel_size, stride, padding, dilation, ceil_mode, indices))


MAX_CASES = [
    _case((1, 1, 1), (1,)),
    _case((2, 17, 33), (3,), stride=2, padding=1),
    _case((3, 5, 65), (4,), dilation=3, ceil_mode=True),
    _case((2, 3, 14, 18), (2, 2), indices=False),
    _case((2, 3, 15, 17), (2, 2)),  # the last row and column lie in no window
    _case((2, 3, 15, 17), (2, 2), ceil_mode=True),
    _case((2, 9, 17, 15), (3, 3), stride=2, padding=1),  # windows overlap, the first layers of a ResNet
    _case((2, 9, 17, 15), (3, 3), stride=2, padding=1, indices=False, layout="channels_last"),
    _case((2, 33, 9, 8), (3, 3), stride=2, padding=1, layout="channels_last"),
    _case((2, 3, 9, 7), (3, 3), stride=1, padding=1),
    _case((1, 3, 9, 9), (2, 3), stride=(3, 4), padding=(1, 1), dilation=(2, 1), ceil_mode=True),
    _case((1, 2, 5, 5), (2, 2), stride=4, padding=1, ceil_mode=True),  # the last window would start in the padding
    _case((1, 2, 5, 4), (5, 4)),
    _case((2, 3, 5, 6, 7), (2, 2, 2)),
    _case((1, 3, 4, 6, 7), (3, 2, 3), stride=(1, 2, 2), padding=(1, 1, 0), dilation=(1, 2, 1), ceil_mode=True),
    _case((2, 5, 4, 5, 6), (2, 2, 2), stride=1, layout="channels_last"),
    # without a batch, with an empty one
    _case((5, 17), (3,), stride=1),
    _case((5, 9, 8), (2, 2)),
    _case((3, 4, 5, 6), (2, 2, 2), indices=False),
    _case((0, 3, 8, 8), (2, 2)),
    # layouts
    _case((2, 3, 9, 7), (3, 3), stride=2, layout="transposed"),
    _case((2, 3, 9, 7), (3, 3), stride=2, layout="rows"),
    _case((2, 3, 9, 7), (2, 2), layout="strided"),
    _case((2, 3, 9, 7), (3, 3), stride=2, padding=1, layout="negative"),
    _case((3, 3, 9, 7), (3, 3), stride=2, layout="broadcast"),
    _case((2, 3, 9, 7), (2, 2), layout="offset"),
]


def _avg(shape, kernel_size, *, stride=None, padding=0, ceil_mode=False, count=True, divisor=0, layout="contiguous"):
    stride = kernel_size if stride is None else stride
    rank = len(kernel_size)
    stride, padding = (v if isinstance(v, tuple) else (v,) * rank for v in (stride, padding))
    return Case("avg_pool", (Array(shape, layout),), (kernel_size, stride, padding, ceil_mode, count, divisor))


AVG_CASES = [
    _avg((1, 1, 1), (1,)),
    _avg((2, 17, 33), (3,), stride=2, padding=1),
    _avg((3, 5, 65), (4,), stride=1, ceil_mode=True, padding=2, count=False),
    _avg((1, 2, 1030), (3,), stride=2, padding=1),  # longer than a segment
    _avg((1, 2, 1100), (3,), stride=1, padding=1, count=False),
    _avg((1, 2, 1500), (700,), stride=1, padding=350, count=False),  # wide windows, more than 512 over an element
    _avg((1, 1, 700), (5,), stride=90),  # gaps, a stride that is not dealt
    _avg((2, 3, 14, 18), (2, 2)),  # fill the lines
    _avg((2, 3, 15, 17), (2, 2)),  # the last row and column lie in no window
    _avg((2, 3, 15, 17), (2, 2), ceil_mode=True),
    _avg((2, 3, 15, 18), (2, 2), stride=3, count=False),  # gaps between windows
    _avg((2, 9, 17, 15), (3, 3), stride=2, padding=1),
    _avg((2, 9, 17, 15), (3, 3), stride=2, padding=1, count=False, ceil_mode=True),
    _avg((2, 9, 17, 15), (3, 3), stride=2, padding=1, divisor=5),
    _avg((2, 9, 17, 15), (3, 3), stride=2, padding=1, divisor=-2, layout="channels_last"),
    _avg((2, 33, 9, 8), (3, 3), stride=2, padding=1, layout="channels_last"),
    _avg((2, 131, 5, 4), (2, 2), padding=1, count=False, layout="channels_last"),  # two blocks of channels
    _avg((2, 3, 9, 7), (3, 3), stride=1, padding=1),
    _avg((1, 3, 9, 9), (2, 3), stride=(3, 4), padding=(1, 1), ceil_mode=True),
    _avg((1, 2, 5, 5), (2, 2), stride=4, padding=1, ceil_mode=True),  # the last window would start in the padding
    _avg((1, 2, 5, 4), (5, 4)),
    _avg((3, 67, 9, 8), (9, 8)),  # global
    _avg((3, 67, 9, 8), (9, 8), layout="channels_last"),
    _avg((1, 3, 25, 50), (24, 33), stride=1),
    _avg((1, 3, 40, 41), (25, 26), stride=(2, 3), layout="channels_last"),
    _avg((2, 3, 5, 6, 7), (2, 2, 2)),
    _avg((1, 3, 4, 6, 7), (3, 2, 3), stride=(1, 2, 2), padding=(1, 1, 0), ceil_mode=True),
    _avg((2, 5, 4, 5, 6), (2, 2, 2), stride=1, padding=1, count=False, layout="channels_last"),
    # without a batch, with an empty one
    _avg((5, 17), (3,), stride=1),
    _avg((5, 9, 8), (2, 2)),
    _avg((3, 4, 5, 6), (2, 2, 2)),
    _avg((0, 3, 8, 8), (2, 2)),
    # layouts
    _avg((2, 3, 9, 7), (3, 3), stride=2, layout="transposed"),
    _avg((2, 3, 9, 7), (3, 3), stride=2, layout="rows"),
    _avg((2, 3, 9, 7), (2, 2), layout="strided"),
    _avg((2, 3, 9, 7), (3, 3), stride=2, padding=1, layout="negative"),
    _avg((3, 3, 9, 7), (3, 3), stride=2, layout="broadcast"),
    _avg((2, 3, 9, 8), (2, 2), layout="offset"),
]

_ADAPTIVE = [  # shape, output_size, layout
    ((1, 1, 1), (1,), "contiguous"),
    ((2, 5, 33), (7,), "contiguous"),
    ((2, 5, 5), (12,), "contiguous"),  # more windows than elements
    ((1, 2, 2), (1100,), "contiguous"),
    ((1, 2, 1200), (701,), "contiguous"),
    ((2, 37, 7, 7), (1, 1), "contiguous"),  # global
    ((2, 37, 7, 7), (1, 1), "channels_last"),
    ((2, 3, 41, 61), (1, 1), "contiguous"),
    ((2, 3, 13, 18), (-1, 1), "contiguous"),
    ((2, 3, 12, 18), (4, 6), "contiguous"),
    ((2, 3, 12, 18), (4, 6), "channels_last"),
    ((2, 3, 13, 17), (5, 6), "contiguous"),
    ((2, 131, 13, 7), (5, 3), "channels_last"),
    ((2, 3, 4, 5), (7, -1), "contiguous"),
    ((2, 3, 4, 5), (3, 9), "channels_last"),
    ((1, 3, 6, 80), (3, 2), "contiguous"),
    ((2, 3, 5, 6, 7), (2, 3, 4), "contiguous"),
    ((2, 3, 5, 6, 7), (1, 1, 1), "channels_last"),
    ((2, 3, 4, 6, 7), (2, -1, 5), "channels_last"),
    ((5, 17), (4,), "contiguous"),
    ((5, 9, 8), (2, 3), "contiguous"),
    ((3, 4, 5, 6), (2, 2, 2), "contiguous"),
    ((0, 3, 8, 8), (3, 3), "contiguous"),
    ((2, 3, 8, 8), (0, 3), "contiguous"),
    ((2, 3, 8, 8), (0, 3), "channels_last"),
    ((2, 3, 9, 7), (4, 3), "transposed"),
    ((2, 3, 9, 7), (4, 3), "rows"),
    ((2, 3, 9, 7), (1, 1), "strided"),
    ((2, 3, 9, 7), (4, 3), "negative"),
    ((3, 3, 9, 7), (3, 7), "broadcast"),
    ((2, 3, 9, 8), (3, 4), "offset"),
]
ADAPTIVE_AVG_CASES = [
    Case("adaptive_avg_pool", (Array(shape, layout),), (output_size,)) for shape, output_size, layout in _ADAPTIVE
]
ADAPTIVE_MAX_CASES = [
    Case("adaptive_max_pool", (Array(shape, layout),), (output_size, indices))
    for (shape, output_size, layout), indices in zip(_ADAPTIVE, [True, False, True] * len(_ADAPTIVE), strict=False)
]

CASES = [*MAX_CASES, *AVG_CASES, *ADAPTIVE_AVG_CASES, *ADAPTIVE_MAX_CASES]

# fmt: off
LARGE = [  # enough for several threads to have work
    Case("max_pool", (Array((5, 33, 35, 33)),), ((3, 3), (2, 2), (1, 1), (1, 1), False, True)),
        Case("max_pool", (Array((5, 33, 35, 33), "channels_last"),), ((2, 2), (1, 1), (0, 0), (1, 1), True, False)),
    _avg((5, 33, 35, 33), (3, 3), stride=2, padding=1),
    _avg((5, 33, 35, 34), (2, 2), layout="channels_last"),
    _avg((5, 33, 34, 34), (2, 2)),
    Case("adaptive_avg_pool", (Array((5, 133, 17, 16)),), ((1, 1),)),
    Case("adaptive_avg_pool", (Array((5, 33, 35, 33)),), ((6, 7),)),
    Case("adaptive_avg_pool", (Array((5, 133, 17, 16), "channels_last"),), ((1, 1),)),
    Case("adaptive_max_pool", (Array((5, 33, 35, 33)),), ((6, 7), True)),
]

BATCHED = [  # of independent parts along the first dimension
    Case("max_pool", (Array((5, 3, 9, 7)),), ((3, 3), (2, 2), (1, 1), (1, 1), False, False)),
    _avg((5, 3, 9, 7), (3, 3), stride=2, padding=1),
    _avg((5, 3, 8, 6), (2, 2)),
    Case("adaptive_avg_pool", (Array((5, 3, 9, 7)),), ((1, 1),)),
    Case("adaptive_avg_pool", (Array((5, 67, 9, 7), "channels_last"),), ((4, 3),)),
    Case("adaptive_max_pool", (Array((5, 3, 9, 7)),), ((4, 3), False)),
]
# fmt: on
