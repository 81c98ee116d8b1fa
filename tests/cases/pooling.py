"""Cases of max_pool: input (N, C, spatial…); kernel_size, stride, padding, dilation, ceil_mode, return_indices."""

from .case import Array, Case


def _case(
    shape, kernel_size, *, stride=None, padding=0, dilation=1, ceil_mode=False, indices=True, layout="contiguous"
):
    """One number stands for as many as there are spatial dimensions; no stride means the kernel's size."""
    stride = kernel_size if stride is None else stride
    rank = len(kernel_size)
    stride, padding, dilation = (v if isinstance(v, tuple) else (v,) * rank for v in (stride, padding, dilation))
    return Case("max_pool", (Array(shape, layout),), (kernel_size, stride, padding, dilation, ceil_mode, indices))


CASES = [
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

# fmt: off
LARGE = [  # enough for several threads to have work
    Case("max_pool", (Array((5, 33, 35, 33)),), ((3, 3), (2, 2), (1, 1), (1, 1), False, True)),
        Case("max_pool", (Array((5, 33, 35, 33), "channels_last"),), ((2, 2), (1, 1), (0, 0), (1, 1), True, False)),
]

BATCHED = [  # of independent parts along the first dimension
    Case("max_pool", (Array((5, 3, 9, 7)),), ((3, 3), (2, 2), (1, 1), (1, 1), False, False)),
]
# fmt: on
