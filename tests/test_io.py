"""Safetensors files: what goes in comes out, half a file never exists, errors say what is wrong."""

import os
import stat
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

from fastnets import io, nn

pytest.importorskip("safetensors", reason="safetensors is not installed (extra: demo)")

DTYPES = [
    np.float64, np.float32, np.float16, ml_dtypes.bfloat16,
    np.int64, np.int32, np.int16, np.int8, np.uint64, np.uint32, np.uint16, np.uint8, np.bool_,
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_arrays_come_back_with_values_shape_and_dtype(dtype, shape, rng, tmp_path):
    array = (rng.standard_normal(shape) * 10).astype(dtype)
    array = np.asarray(array, dtype)
    io.save_safetensors({"a.b": array}, tmp_path / "file.safetensors")
    ((name, loaded),) = io.load_safetensors(str(tmp_path / "file.safetensors")).items()
    assert (name, loaded.shape, loaded.dtype) == ("a.b", array.shape, array.dtype)
    assert loaded.flags.writeable
    np.testing.assert_array_equal(loaded, array)


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a.T,
        lambda a: a[::2, 1:],
        lambda a: a[::-1],
        lambda a: np.broadcast_to(a[:1], a.shape),
        lambda a: a.astype(">f4"),
        lambda a: np.asfortranarray(a),
    ],
)
def test_strides_and_byte_order_do_not_matter(view, rng, tmp_path):
    array = view(rng.standard_normal((4, 5)).astype(np.float32))
    io.save_safetensors({"a": array}, tmp_path / "a")
    loaded = io.load_safetensors(tmp_path / "a")["a"]
    np.testing.assert_array_equal(loaded, array)
    assert loaded.dtype == np.float32


def test_files_are_those_of_the_safetensors_package(rng, tmp_path):
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    array = rng.standard_normal((2, 3)).astype(np.float32)
    io.save_safetensors({"a": array}, tmp_path / "ours", {"by": "a test"})
    np.testing.assert_array_equal(load_file(tmp_path / "ours")["a"], array)
    with safe_open(tmp_path / "ours", framework="np") as file:
        assert file.metadata() == {"by": "a test"}
    save_file({"a": array}, tmp_path / "theirs")
    np.testing.assert_array_equal(io.load_safetensors(tmp_path / "theirs")["a"], array)


def test_models_come_back(tmp_path):
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).eval()
    io.save_safetensors(model.state_dict(), tmp_path / "model")
    other = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    other.load_state_dict(io.load_safetensors(tmp_path / "model"))
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[name], array)


def test_torch_tensors_are_taken(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    tensors = {"f": torch.rand(2, 3, requires_grad=True).T, "b": torch.rand(3, dtype=torch.bfloat16)}
    io.save_safetensors(tensors, tmp_path / "t")
    loaded = io.load_safetensors(tmp_path / "t")
    np.testing.assert_array_equal(loaded["f"], tensors["f"].detach().numpy())
    assert loaded["b"].dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(loaded["b"].astype(np.float32), tensors["b"].float().numpy())


def test_what_torch_has_saved(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    peer = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).to(torch.bfloat16)
    state = peer.state_dict()
    for name, content in {"plain": state, "more": {"state_dict": state, "epoch": 3}}.items():
        torch.save(content, tmp_path / name)
        loaded = io.load_torch(tmp_path / name)
        assert list(loaded) == list(state) and loaded["0.weight"].dtype == ml_dtypes.bfloat16
        assert loaded["1.num_batches_tracked"].dtype == np.int64
        for key, value in state.items():
            np.testing.assert_array_equal(loaded[key].astype(np.float64), value.double().numpy())
        loaded["0.bias"][0] = 1  # ours to write to
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    model.load_state_dict(io.load_torch(tmp_path / "plain"))
    torch.save({"a": 1}, tmp_path / "number")
    torch.save([torch.ones(1)], tmp_path / "list")
    torch.save(peer, tmp_path / "module")
    (tmp_path / "text").write_text("hello")
    for name, message in {
        "number": "holds int under 'a'",
        "list": "holds list",
        "module": "not a readable file of tensors",
        "text": "not a readable file of tensors",
    }.items():
        with pytest.raises(ValueError, match=message):
            io.load_torch(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        io.load_torch(tmp_path / "missing")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    io.save_safetensors({"a": np.ones(2)}, path)
    before = path.read_bytes()

    def fail(self, target):
        raise OSError("disk full")

    monkeypatch.setattr(type(path), "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        io.save_safetensors({"a": np.zeros(3)}, path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_files_have_the_permissions_that_any_new_file_has(tmp_path):
    io.save_safetensors({"a": np.ones(2)}, tmp_path / "a")
    (tmp_path / "b").touch()
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "b").stat().st_mode)


def with_header(header, size):
    return len(header).to_bytes(8, "little") + header + bytes(size)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a readable safetensors file"),
        (b"hello", "not a readable safetensors file"),
        (b"\xff" * 64, "not a readable safetensors file"),
        (with_header(b"{}", 8), "not a readable safetensors file"),
        (with_header(b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}', 8), "not a readable safetensors file"),
        (with_header(b'{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}', 2), "a is F8_E4M3; NumPy has no"),
    ],
)
def test_damaged_files_are_a_value_error_that_names_them(content, message, tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        io.load_safetensors(path)
    assert str(path) in str(caught.value)


def test_missing_files_and_folders_are_their_own_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        io.load_safetensors(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError):
        io.load_safetensors(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"the folder .*nowhere does not exist"):
        io.save_safetensors({}, tmp_path / "nowhere" / "file")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        io.save_safetensors({}, tmp_path)


@pytest.mark.parametrize(
    ("tensors", "metadata", "message"),
    [
        ([np.ones(1)], None, "expected a mapping of names to arrays, such as model.state_dict"),
        (nn.ReLU(), None, "but got ReLU"),
        ({"a": [1.0, 2.0]}, None, "a is list; expected an array"),
        ({"a": None}, None, "a is NoneType"),
        ({1: np.ones(1)}, None, "names are strings, but one is 1"),
        ({"a": np.ones(1, complex)}, None, "a is complex128; expected one of"),
        ({"a": np.array(["x"])}, None, "a is <U1"),
        ({"a": np.array([object()])}, None, "a is object"),
        ({"a": np.ones(1)}, {"step": 1}, "metadata is text, but 'step' is 1"),
    ],
)
def test_what_cannot_be_written_is_a_type_error(tensors, metadata, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        io.save_safetensors(tensors, tmp_path / "file", metadata)
    assert not list(tmp_path.iterdir())


def test_without_the_package_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['safetensors'] = None\n"
        "from fastnets import io\n"
        "for call in (lambda: io.load_safetensors('x'), lambda: io.save_safetensors({}, 'x')):\n"
        "    try: call()\n"
        "    except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("needs safetensors: pip install 'fastnets[demo]'") == 2
