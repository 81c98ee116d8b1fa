"""What calls take beside their results: a format of images that kernels had to convert would show as a copy."""

import tracemalloc

import numpy as np
import pytest

import fastnets
import fastnets.functional as F

IMAGE = (8, 64, 64, 64)  # a third of it is more than the blocks of a product take
CHANNELS = np.linspace(0.5, 1.5, IMAGE[1], dtype=np.float32)


def kernels(*shape):
    return np.random.default_rng().standard_normal(shape).astype(np.float32)


CALLS = {
    "conv2d 1x1": (F.conv2d, (kernels(64, 64, 1, 1),), {}),
    "conv2d 3x3": (F.conv2d, (kernels(64, 64, 3, 3),), {"padding": 1}),
    "conv2d 3x3, strided": (F.conv2d, (kernels(64, 64, 3, 3),), {"padding": 1, "stride": 2}),
    "conv2d 3x3, grouped": (F.conv2d, (kernels(64, 16, 3, 3),), {"padding": 1, "groups": 4}),
    "conv2d 3x3, depthwise": (F.conv2d, (kernels(64, 1, 3, 3),), {"padding": 1, "groups": 64}),
    "conv_transpose2d": (F.conv_transpose2d, (kernels(64, 64, 3, 3),), {"stride": 2}),
    "max_pool2d": (F.max_pool2d, (2,), {}),
    "avg_pool2d": (F.avg_pool2d, (3, 2), {}),
    "adaptive_avg_pool2d": (F.adaptive_avg_pool2d, (7,), {}),
    "adaptive_max_pool2d": (F.adaptive_max_pool2d, (7,), {}),
    "batch_norm": (F.batch_norm, (CHANNELS, CHANNELS, CHANNELS, CHANNELS), {}),
    "batch_norm, training": (F.batch_norm, (None, None, CHANNELS, CHANNELS, True), {}),
    "group_norm": (F.group_norm, (8, CHANNELS, CHANNELS), {}),
    "relu": (F.relu, (), {}),
    "gelu": (F.gelu, (), {}),
    "dropout": (F.dropout, (0.5,), {"seed": 1}),
}


def channels_last(image):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(image, 1, -1)), -1, 1)


@pytest.fixture
def one_thread():
    """Tasks run in the thread that calls, and their memory is its."""
    before = fastnets.num_threads()
    fastnets.set_num_threads(1)
    yield
    fastnets.set_num_threads(before)


def taken(call):
    """What a call returns, and the bytes it took: in NumPy's arrays, and in the kernels' own memory."""
    fastnets.release_memory()
    tracemalloc.start()
    try:
        result = call()
        return result, tracemalloc.get_traced_memory()[1], fastnets.release_memory()
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("arrange", [np.ascontiguousarray, channels_last])
@pytest.mark.parametrize("name", CALLS)
def test_no_copy_of_an_image(name, arrange, one_thread, rng):
    function, arguments, options = CALLS[name]
    image = arrange(rng.standard_normal(IMAGE, dtype=np.float32))
    (y, backward), arrays, own = taken(lambda: fastnets.vjp(function, image, *arguments, **options))
    spare = image.nbytes // 3
    saved = y.size * 8 if "max_pool" in name else 0  # where each window's largest element was
    assert y.strides[1] == (4 if arrange is channels_last else y.shape[2] * y.shape[3] * 4)
    assert arrays < y.nbytes + saved + spare, "an array beside the result"
    assert own < spare, "the kernel's own memory"

    dy = arrange(rng.standard_normal(y.shape, dtype=np.float32))
    gradients, arrays, own = taken(lambda: backward(dy, by_name=True))
    assert gradients["input"].strides == image.strides
    assert arrays < sum(g.nbytes for g in gradients.values()) + spare, "an array beside the gradients"
    assert own < spare, "the kernel's own memory"
