"""Every op called wrong: TypeError or ValueError whose message names the op, the argument and what it was."""

import numpy as np
import pytest

import fastnets
import fastnets.functional as F
from fastnets import backends
from fastnets.backends import OPS, ops
from fastnets.cases import CASES
from wrong import RIGHT as ALL_RIGHT
from wrong import WRONG
from wrong.values import inf, nan

OP_OF = {name: op for name, (op, _) in ALL_RIGHT.items() if op in OPS}
RIGHT = {name: ALL_RIGHT[name][1] for name in OP_OF}


def function(name):
    if not hasattr(F, name):  # no function, but a part of an optimizer's step
        return lambda **arguments: getattr(ops, name)(*arguments.values())
    return getattr(F, name)


def array_arguments(name):
    return [argument for argument, value in RIGHT[name].items() if isinstance(value, np.ndarray)]


def misaligned(a):
    return np.frombuffer(b"\0" + a.tobytes() + b"\0" * 8, np.uint8)[1 : 1 + a.nbytes].view(a.dtype).reshape(a.shape)


def odd_stride(a):
    """Strides that are no multiple of the element's size: a field of packed records."""
    records = np.zeros(a.shape, np.dtype([("tag", np.uint8), ("value", a.dtype)], align=False))
    records["value"] = a
    return records["value"]


# what no array argument may be
NOT_ARRAYS = {
    "list": (lambda a: np.atleast_1d(a).tolist(), TypeError, "list"),
    "tuple": (lambda a: tuple(np.atleast_1d(a).tolist()), TypeError, "tuple"),
    "number": (lambda a: 1.5, TypeError, "float"),
    "string": (lambda a: "array", TypeError, "str"),
    "bytes": (lambda a: a.tobytes(), TypeError, "bytes"),
    "object": (lambda a: object(), TypeError, "object"),
    "memoryview": (lambda a: memoryview(a), TypeError, "memoryview"),
    "array of objects": (lambda a: a.astype(object), TypeError, "object"),
    "complex": (lambda a: a.astype(np.complex64), TypeError, "complex64"),
    "text": (lambda a: a.astype(str), TypeError, "U"),
    "uint16": (lambda a: a.astype(np.uint16), TypeError, "uint16"),
    "int8": (lambda a: a.astype(np.int8), TypeError, "int8"),
    "longdouble": (lambda a: a.astype(np.longdouble), TypeError, str(np.dtype(np.longdouble))),
    "records": (lambda a: a.astype([("x", np.float32)]), TypeError, "x"),
    "datetime": (lambda a: a.astype(np.int64).astype("datetime64[s]"), TypeError, "datetime64"),
    "other byte order": (lambda a: a.astype(a.dtype.newbyteorder()), TypeError, ""),
    "nine dimensions": (lambda a: a.reshape((1,) * (9 - a.ndim) + a.shape), (TypeError, ValueError), "9"),
    "misaligned": (misaligned, ValueError, ""),
    "stride of half an element": (odd_stride, ValueError, ""),
}


ACTIVATIONS = ("relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid", "leaky_relu", "elu")


def message_of(name, changes, exception):
    with pytest.raises(exception) as raised:
        function(name)(**{**RIGHT[name], **changes})
    assert type(raised.value) in (TypeError, ValueError)
    return str(raised.value)


def assert_says(message, name, argument, parts):
    assert message.startswith(f"{name}: "), message
    assert argument in message, message
    for part in parts:
        assert part in message, f"{part!r} is missing: {message}"


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_served(name):
    function(name)(**{k: np.array(v) if isinstance(v, np.ndarray) else v for k, v in RIGHT[name].items()})


@pytest.mark.parametrize(
    "name, argument, value, exception, parts",
    [pytest.param(*row, id=f"{row[0]} {row[1]} {i}") for i, row in enumerate(WRONG) if row[0] in RIGHT],
)
def test_wrong_value(name, argument, value, exception, parts):
    assert_says(message_of(name, {argument: value}, exception), name, argument, parts)


@pytest.mark.parametrize("what", NOT_ARRAYS)
@pytest.mark.parametrize("name, argument", [(name, argument) for name in RIGHT for argument in array_arguments(name)])
def test_what_is_no_array_that_is_served(name, argument, what):
    make, exception, part = NOT_ARRAYS[what]
    value = make(RIGHT[name][argument])
    assert_says(message_of(name, {argument: value}, exception), name, argument, [part])


@pytest.mark.parametrize("name", RIGHT)
def test_missing_first_argument(name):
    first = next(iter(RIGHT[name]))
    assert_says(message_of(name, {first: None}, TypeError), name, first, ["None"])


@pytest.mark.parametrize("name", RIGHT)
def test_mixed_libraries(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    first, *others = array_arguments(name)
    for argument in others:
        message = message_of(name, {argument: torch.tensor(RIGHT[name][argument])}, TypeError)
        assert_says(message, name, argument, [first, "NumPy", "torch"])


@pytest.mark.parametrize("name", [name for name in RIGHT if any(OPS[OP_OF[name]].has_gradient)])
def test_wrong_output_gradient(name):
    value, backward = fastnets.vjp(function(name), **RIGHT[name])
    y = value[0] if isinstance(value, tuple) else value

    def pull(dy):
        return backward((dy, *(None for _ in value[1:])) if isinstance(value, tuple) else dy, by_name=True)

    pull(np.ones_like(y))
    for dy, exception in [
        (np.ones((*y.shape, 1), y.dtype), ValueError),
        (np.ones((2, *y.shape), y.dtype), ValueError),
        (np.ones(y.shape, np.float64), TypeError),
        (np.ones(y.shape, np.int64), TypeError),
        (np.ones(y.shape).tolist(), TypeError),
        ("gradient", TypeError),
        (None, ValueError),
    ]:
        with pytest.raises((TypeError, ValueError)) as raised:
            pull(dy)
        assert isinstance(raised.value, exception), f"{dy!r:.60}: {raised.value!r}"
        assert str(raised.value).startswith(f"{name}: ") and "gradient" in str(raised.value), str(raised.value)


@pytest.mark.parametrize(
    "name, argument",
    [(f, name) for f, op in OP_OF.items() for name, u in zip(OPS[op].inputs, OPS[op].updated, strict=True) if u],
)
def test_read_only_state(name, argument):
    if argument == "master":
        pytest.skip("not given in float32")
    frozen = np.array(RIGHT[name][argument])
    frozen.flags.writeable = False
    assert_says(message_of(name, {argument: frozen}, ValueError), name, argument, ["read-only"])


def test_nothing_is_updated_on_an_error():
    for argument, value in (("running_var", np.broadcast_to(np.float32(1), 4)), ("eps", -1.0), ("bias", np.ones(3))):
        arguments = {**RIGHT["batch_norm"], "running_mean": np.zeros(4, np.float32), argument: value}
        with pytest.raises((TypeError, ValueError)):
            F.batch_norm(**arguments)
        assert not arguments["running_mean"].any()


JUNK = [
    None, True, 0, -1, 1, 2, 7, 2**31, 2**40, 2**62, -(2**63), 2**64, 10**30, 0.0, -0.5, 1e308, nan, inf,
    "", "relu", "mean", b"x", (), (1,), (0, 0), (-1, 2), (1, 2, 3), (2**62, 2**62), (1,) * 20, ("a",), (None,),
    [], [1, 1], {}, set(), object(), np.float32(1), np.zeros(()), np.zeros(0), np.zeros((0, 3), np.float32),
    np.ones((3, 4), np.float32), np.ones((2, 4, 9, 8), np.float32), np.ones((2, 4, 9, 8), np.float16),
    np.ones((6, 4, 3, 3), np.float32), np.zeros((3, 0, 4), np.float32), np.ones(5, np.float32), np.arange(3),
    np.arange(3, dtype=np.int32), np.broadcast_to(np.float32(1), (3, 4)), np.array(["a"]), np.ones((3, 4), bool),
    np.broadcast_to(np.float32(1), (2, 4, 9, 8)), np.full((3, 4), nan, np.float32), np.zeros((1,) * 20, np.float32),
    np.ones((3, 4), np.float32)[::-1, ::-1],
]  # fmt: skip


@pytest.mark.parametrize("op", OPS)
def test_junk_is_refused_or_served(op, rng, seed):
    """Arguments of all kinds in all places: an exception that names the op, or a result; never a crash."""
    count = len(OPS[op].inputs) + len(OPS[op].parameters)
    starts = [case.draw(rng, "float32") for case in CASES[op][:20]]
    for _ in range(3000):
        arguments = list(starts[rng.integers(len(starts))])
        for _ in range(rng.integers(1, 4)):
            arguments[rng.integers(count)] = JUNK[rng.integers(len(JUNK))]
        try:
            getattr(ops, op)(*arguments)
        except (TypeError, ValueError, MemoryError) as error:
            about = str(error)
            names = (op, *ACTIVATIONS) if op == "activation" else (op,)  # the function the user called
            assert about.startswith(names) or isinstance(error, MemoryError), (
                f"seed {seed}: {about!r} for {arguments!r:.400}"
            )


@pytest.mark.parametrize("op", OPS)
def test_wrong_number_of_arguments(op):
    for n in (0, 1, len(OPS[op].inputs) + len(OPS[op].parameters) + 1):
        with pytest.raises(TypeError, match=op):
            getattr(ops, op)(*[np.ones(3, np.float32)] * n)


def test_settings():
    for wrong, exception in [
        (0, ValueError),
        (-1, ValueError),
        (10**6, ValueError),
        (1.5, TypeError),
        ("2", TypeError),
    ]:
        with pytest.raises(exception, match="set_num_threads: n"):
            fastnets.set_num_threads(wrong)
    with pytest.raises(ValueError, match=r"sse2.*(scalar|avx2)"):
        fastnets.set_cpu_isa("sse2")
    with pytest.raises(ValueError, match=r"gpu.*reference"), fastnets.use_backend("gpu"):
        pass
    if not fastnets.info()["cuda"].get("devices"):
        with pytest.raises(RuntimeError, match=r"the backend 'cuda' "), fastnets.use_backend("cuda"):
            pass
    for wrong in (1, "on", None):
        with pytest.raises(TypeError, match="set_value_checks: enabled"):
            fastnets.set_value_checks(wrong)
    fastnets.set_value_checks(False)
    assert backends.current_mode() == backends.Mode()
