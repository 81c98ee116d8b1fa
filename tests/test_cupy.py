"""CuPy's arrays, read and made: on the emulated kernels, with arrays over host memory, and on a GPU."""

import numpy as np
import pytest

import fastnets as fn
import fastnets.functional as F
from fastnets import backends

cupy = pytest.importorskip("cupy", reason="CuPy is not installed (extra: cupy)")


class HostMemory:
    """CuPy arrays in the memory of NumPy arrays."""

    def __init__(self):
        self.arrays = {}

    def take(self, array):
        """Return a CuPy array that shares memory with a NumPy array, of any strides."""
        low = np.lib.array_utils.byte_bounds(array)[0]
        memory = cupy.cuda.UnownedMemory(low, array.nbytes, array, 0)
        pointer = cupy.cuda.MemoryPointer(memory, array.ctypes.data - low)
        self.arrays[array.ctypes.data] = array
        return cupy.ndarray(array.shape, array.dtype, pointer, strides=array.strides)

    def allocate(self, shape, dtype):
        return self.take(np.empty(shape, dtype))

    def view(self, array):
        """Return the NumPy array that shares memory with a CuPy array."""
        base = self.arrays[array.data.ptr]
        return np.lib.stride_tricks.as_strided(base, array.shape, array.strides)


@pytest.fixture
def emulated():
    try:
        return backends.module("cuda-emulated")
    except RuntimeError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def host(emulated):
    memory = HostMemory()
    stream = type("Stream", (), {"ptr": 0})
    emulated.set_cupy_types(cupy.ndarray, memory.allocate, stream)
    return memory


def forward(module, op, *arguments):
    row = backends.OPS[op]
    given = arguments + (None,) * (len(row.inputs) + len(row.parameters) - len(arguments))
    return getattr(module, f"{op}_forward")(given, True)


@pytest.mark.parametrize("turn", [lambda a: a, lambda a: a.T.copy().T, lambda a: a[::-2], lambda a: a[:, ::2]])
def test_arrays_of_any_strides(emulated, host, rng, turn):
    x, weight = turn(rng.standard_normal((6, 8), np.float32)), rng.standard_normal((5, 8), np.float32)
    weight = weight[:, : x.shape[1]]
    (y,), saved = forward(emulated, "linear", host.take(x), host.take(weight), None, None, None)
    assert type(y) is cupy.ndarray
    np.testing.assert_allclose(host.view(y), x @ weight.T, rtol=0, atol=1e-5)
    dy = rng.standard_normal(y.shape).astype(np.float32)
    arguments = (host.take(x), host.take(weight), None, None, None)
    dx, dweight, *rest = emulated.linear_backward(arguments, (y,), saved, (host.take(dy),), (True, True, False, False))
    np.testing.assert_allclose(host.view(dx), dy @ weight, rtol=0, atol=1e-5)
    np.testing.assert_allclose(host.view(dweight), dy.T @ x, rtol=0, atol=1e-5)
    assert rest == [None, None]


def test_channels_last_stays_channels_last(emulated, host, rng):
    x = rng.standard_normal((2, 5, 4, 3), np.float32).transpose(0, 3, 1, 2)
    (y,), _ = forward(emulated, "activation", host.take(x), "relu", 0.0)
    assert y.strides == x.strides
    np.testing.assert_array_equal(host.view(y), np.maximum(x, 0))


def test_a_missing_gradient_is_zero(emulated, host, rng):
    x = rng.standard_normal((1, 2, 6), np.float32)
    weight, state = rng.standard_normal((2, 3), np.float32), rng.standard_normal((1, 2, 2), np.float32)
    arguments = (host.take(x), host.take(weight), None, host.take(state), None, True)
    (y, final), saved = emulated.causal_conv1d_forward(arguments, True)
    dy = np.ones((1, 2, 6), np.float32)
    with_zeros = (host.take(dy), host.take(np.zeros_like(state)))
    wanted = (True, True, False, True)
    left_out = emulated.causal_conv1d_backward(arguments, (y, final), saved, (with_zeros[0], None), wanted)
    expected = emulated.causal_conv1d_backward(arguments, (y, final), saved, with_zeros, wanted)
    for actual, same in zip(left_out, expected, strict=True):
        assert (actual is None) == (same is None)
        if actual is not None:
            np.testing.assert_array_equal(host.view(actual), host.view(same))


def test_what_is_refused(emulated, host, rng):
    x, weight = rng.standard_normal((2, 3), np.float32), rng.standard_normal((4, 3), np.float32)
    with pytest.raises(TypeError, match=r"linear: input is a CuPy array but weight is a NumPy array"):
        forward(emulated, "linear", host.take(x), weight, None, None, None)
    with pytest.raises(TypeError, match=r"linear: input has dtype complex64"):
        forward(emulated, "linear", host.take(x.astype(np.complex64)), host.take(weight), None, None, None)
    with pytest.raises(ValueError, match=r"linear: .*\(2, 3\)"):
        forward(emulated, "linear", host.take(x), host.take(weight[:, :2]), None, None, None)


def test_mixed_libraries_are_refused(host, rng):
    x = rng.standard_normal((2, 3), np.float32)
    with pytest.raises(TypeError, match=r"linear: input is a NumPy array but weight is a CuPy array"):
        F.linear(x, host.take(x))


# --- on a GPU ---


def has_gpu():
    try:
        return cupy.cuda.runtime.getDeviceCount() > 0
    except cupy.cuda.runtime.CUDARuntimeError:
        return False


needs_gpu = pytest.mark.skipif(not has_gpu(), reason="there is no CUDA device")


@pytest.mark.gpu
@needs_gpu
def test_gpu_forward_and_gradients(rng):
    x, weight = rng.standard_normal((33, 20), np.float32), rng.standard_normal((7, 20), np.float32)
    y, backward = fn.vjp(F.linear, cupy.asarray(x), cupy.asarray(weight), activation="tanh")
    expected, pull = fn.vjp(F.linear, x, weight, activation="tanh")
    assert type(y) is cupy.ndarray
    np.testing.assert_allclose(y.get(), expected, rtol=0, atol=1e-5)
    for actual, wanted in zip(backward(cupy.ones_like(y)), pull(np.ones_like(expected)), strict=True):
        np.testing.assert_allclose(actual.get(), wanted, rtol=0, atol=1e-4)


@pytest.mark.gpu
@needs_gpu
def test_gpu_work_is_queued_on_the_current_stream(rng):
    x, weight = cupy.zeros((512, 512), np.float32), cupy.eye(512, dtype=np.float32)
    with cupy.cuda.Stream(non_blocking=True) as stream:
        for _ in range(200):
            x += 1
        y = F.linear(x, weight)
        stream.synchronize()
    assert bool((y == 200).all())


@pytest.mark.gpu
@needs_gpu
def test_gpu_every_device_computes_on_its_own(rng):
    if cupy.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("there is one CUDA device")
    x, weight = rng.standard_normal((3, 8), np.float32), rng.standard_normal((5, 8), np.float32)
    with cupy.cuda.Device(1):
        there = cupy.asarray(x), cupy.asarray(weight)
    y = F.linear(*there)  # while device 0 is the current one
    assert y.device.id == 1 and cupy.cuda.Device().id == 0
    np.testing.assert_allclose(y.get(), F.linear(x, weight), rtol=0, atol=1e-5)
    with pytest.raises(TypeError, match="on different devices"):
        F.linear(cupy.asarray(x), there[1])


@pytest.mark.gpu
@needs_gpu
def test_gpu_layers_move_there_and_back(rng):
    layer = fn.nn.Sequential(fn.nn.Linear(8, 5), fn.nn.GELU(), fn.nn.Linear(5, 2))
    x = rng.standard_normal((3, 8), np.float32)
    expected = layer(x)
    y = layer.to("cuda")(cupy.asarray(x))
    np.testing.assert_allclose(y.get(), expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(layer.to("cpu")(x), expected)


@pytest.mark.gpu
@needs_gpu
def test_gpu_bad_labels_are_nan_or_refused(rng):
    logits, labels = cupy.asarray(rng.standard_normal((3, 4), np.float32)), cupy.asarray(np.array([0, 9, 1]))
    assert np.isnan(F.cross_entropy(logits, labels).get())
    fn.set_value_checks(True)
    try:
        with pytest.raises(ValueError, match=r"cross_entropy: target 9 at element 1 is out of range for 4 classes"):
            F.cross_entropy(logits, labels)
    finally:
        fn.set_value_checks(False)
