"""What is done to gradients before a step: clipped, accumulated, scaled for float16."""

import numpy as np
import pytest

import fastnets as fn
from fastnets import nn, optim


@pytest.fixture(autouse=True)
def _seeded(seed):
    fn.random.seed(seed[0] + seed[1])


# ---- clip_grad_norm --------------------------------------------------------------------------------------------------


def test_clipping_bounds_the_norm_over_all_gradients(rng):
    grads = {"a": rng.standard_normal((300, 70)).astype(np.float32), "b": rng.standard_normal(7).astype(np.float16)}
    clipped, norm = optim.clip_grad_norm(grads, 0.5)
    expected = np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in grads.values()))
    assert norm.dtype == np.float32 and float(norm) == pytest.approx(expected, rel=1e-6)
    again = np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in clipped.values()))
    assert again == pytest.approx(0.5, rel=1e-4)
    assert {name: array.dtype for name, array in clipped.items()} == {
        name: array.dtype for name, array in grads.items()
    }


def test_small_gradients_are_returned_as_they_are(rng):
    grads = [rng.standard_normal(9), None, rng.standard_normal((2, 3))]
    clipped, norm = optim.clip_grad_norm(grads, 1e3)
    assert isinstance(clipped, list) and clipped[1] is None and norm.dtype == np.float64
    for before, after in zip(grads, clipped, strict=True):
        assert before is None or (after is not before and after.tobytes() == before.tobytes())


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (({"a": np.ones(2)}, -1.0), ValueError, "max_norm is -1.0"),
        (({"a": np.ones(2)}, float("nan")), ValueError, "max_norm is nan"),
        (({"a": np.ones(2)}, 1.0, 0.0), ValueError, "norm_type is 0.0"),
        (({"a": None}, 1.0), ValueError, "there is no gradient"),
        (({"a": [1.0]}, 1.0), TypeError, "the gradient of a is list"),
        ((np.ones(2), 1.0), TypeError, "got ndarray"),
        ((3, 1.0), TypeError, "got int"),
    ],
)
def test_wrong_calls_of_clip_grad_norm(arguments, error, message):
    with pytest.raises(error, match=f"clip_grad_norm: .*{message}"):
        optim.clip_grad_norm(*arguments)


# ---- add_grads -------------------------------------------------------------------------------------------------------


def test_gradients_of_parts_of_a_batch_add_up(rng):
    layer = nn.Linear(3, 2).to("float64")
    x, dy = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
    whole = layer.vjp(x)[1](dy)[1]
    total = {}
    for part in (slice(0, 2), slice(2, 6)):
        total = optim.add_grads(total, layer.vjp(x[part])[1](dy[part])[1])
    assert list(total) == list(whole)
    for name, gradient in whole.items():
        np.testing.assert_allclose(total[name], gradient, rtol=0, atol=1e-14)


def test_what_one_side_has_alone_is_kept(rng):
    a, b = {"x": np.ones(2), "y": None, "z": np.ones(1)}, {"y": np.ones(3), "x": np.full(2, 2.0), "w": None, "z": None}
    total = optim.add_grads(a, b)
    assert list(total) == ["x", "y", "z", "w"]
    assert total["x"].tolist() == [3.0, 3.0] and total["y"] is b["y"] and total["z"] is a["z"] and total["w"] is None
    assert a["x"].tolist() == [1.0, 1.0]
    assert [None if g is None else g.tolist() for g in optim.add_grads([np.ones(1), None], [np.ones(1), None])] == [
        [2.0],
        None,
    ]


@pytest.mark.parametrize(
    "a, b, error, message",
    [
        ({"x": np.ones(2)}, {"x": np.ones(3)}, ValueError, r"x: other is \(3,\) but input is \(2,\)"),
        ({"x": np.ones(2)}, {"x": np.ones(2, "f")}, TypeError, "x: .*float32"),
        ({"x": np.ones(2)}, {"x": 1.0}, TypeError, "the gradient of x is float"),
        ([np.ones(2)], [], ValueError, "a has 1 gradients and b 0"),
        ([np.ones(2)], {"0": np.ones(2)}, ValueError, "expected two mappings"),
        (np.ones(2), np.ones(2), TypeError, "got ndarray"),
    ],
)
def test_wrong_calls_of_add_grads(a, b, error, message):
    with pytest.raises(error, match=f"add_grads: .*{message}"):
        optim.add_grads(a, b)


# ---- LossScaler ------------------------------------------------------------------------------------------------------


def test_scaled_float16_gradients_do_not_vanish(rng):
    parameter = np.zeros(4, np.float16)
    optimizer, scaler = optim.SGD({"w": parameter}, lr=1e6), optim.LossScaler()
    small = np.array([1e-9, -2e-9, 3e-9, 4e-9], np.float32)  # float16 ends at 6e-8
    scaled = scaler.scale(small).astype(np.float16)
    assert scaler.step(optimizer, {"w": scaled})
    expected = -1e6 * scaled.astype(np.float32) / np.float32(65536)
    np.testing.assert_array_equal(optimizer.state["w"].arrays["master"], expected)
    assert (parameter != 0).all()


def test_unscaled_gradients_can_be_clipped(rng):
    parameter, gradient = np.zeros(40, np.float32), rng.standard_normal(40).astype(np.float32)
    optimizer, scaler = optim.SGD({"w": parameter}, lr=1.0), optim.LossScaler(1024.0)
    grads = scaler.unscale({"w": scaler.scale(gradient)})
    np.testing.assert_array_equal(grads["w"], gradient)
    with pytest.raises(RuntimeError, match="unscale has already been called"):
        scaler.unscale(grads)
    grads, _ = optim.clip_grad_norm(grads, 0.25)
    assert scaler.step(optimizer, grads)
    np.testing.assert_array_equal(parameter, -grads["w"])
    scaler.update()
    assert scaler.get_scale() == 1024.0


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("place", [0, 12345, -1])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_step_with_an_overflow_anywhere_is_skipped(bad, place, dtype, rng):
    parameters = {"a": np.zeros((130, 100), dtype), "b": np.zeros(3, dtype)}
    grads = {name: np.ones(array.shape, dtype) for name, array in parameters.items()}
    grads["a"].reshape(-1)[place] = bad
    optimizer, scaler = optim.SGD(parameters), optim.LossScaler(1024.0)
    assert scaler.step(optimizer, grads) is False
    assert not optimizer.state and not any(array.any() for array in parameters.values())
    scaler.update()
    assert scaler.get_scale() == 512.0
    grads["a"].reshape(-1)[place] = 1
    assert scaler.step(optimizer, grads) is True


def test_what_float16_holds_is_not_taken_for_an_overflow():
    scaler = optim.LossScaler(1.0)
    assert scaler.step(optim.SGD({"w": np.zeros(99, np.float16)}), {"w": np.full(99, 65504, np.float16)})


def test_scales_of_several_arrays_and_without(rng):
    scaler = optim.LossScaler(4.0)
    a, b = scaler.scale((np.ones(2, np.float16), [np.array(2.0)]))
    assert a.dtype == np.float16 and a.tolist() == [4.0, 4.0] and b[0] == 8.0
    off = optim.LossScaler(enabled=False)
    grads = {"w": np.full(2, np.inf, np.float32)}
    assert off.scale(grads["w"]) is grads["w"] and off.unscale(grads) is grads and off.get_scale() == 1.0
    assert off.step(optim.SGD({"w": np.zeros(2, np.float32)}), grads) is True
    off.update()
    assert off.state_dict() == {}


def test_a_scaler_goes_on_from_its_state(tmp_path):
    pytest.importorskip("safetensors")
    scaler = optim.LossScaler(16.0, 3.0, 0.1, 5)
    scaler.step(optim.SGD([np.zeros(1)]), [np.ones(1)])
    scaler.update()
    fn.io.save_safetensors(scaler.state_dict(), tmp_path / "scaler")
    other = optim.LossScaler()
    other.load_state_dict(fn.io.load_safetensors(tmp_path / "scaler"))
    assert other.state_dict() == scaler.state_dict() and other.state_dict()["_growth_tracker"] == 1
    other.update(new_scale=2.0)
    assert other.get_scale() == 2.0
    with pytest.raises(ValueError, match="LossScaler: the state has"):
        other.load_state_dict({"scale": 1.0})
    with pytest.raises(ValueError, match=r"LossScaler: scale is -1\.0"):
        other.load_state_dict({**scaler.state_dict(), "scale": -1.0})


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"init_scale": 0.0}, "scale is 0.0"),
        ({"init_scale": float("inf")}, "scale is inf"),
        ({"growth_factor": 1.0}, "growth_factor is 1.0"),
        ({"backoff_factor": 1.0}, "backoff_factor is 1.0"),
        ({"growth_interval": 0}, "growth_interval is 0"),
    ],
)
def test_wrong_settings_of_a_scaler(arguments, message):
    with pytest.raises(ValueError, match=f"LossScaler: {message}"):
        optim.LossScaler(**arguments)
    with pytest.raises(RuntimeError, match="update needs a step"):
        optim.LossScaler().update()


def test_torch_gradients_stay_torchs(rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    grads = {"w": torch.tensor(rng.standard_normal((40, 3)), dtype=torch.float16)}
    parameter = torch.zeros(40, 3, dtype=torch.float16)
    scaler = optim.LossScaler(8.0)
    unscaled = scaler.unscale(grads)
    assert unscaled["w"].dtype == torch.float32 and torch.equal(unscaled["w"] * 8, grads["w"].float())
    clipped, norm = optim.clip_grad_norm(optim.add_grads(unscaled, unscaled), 0.5)
    assert norm.shape == () and isinstance(norm, torch.Tensor)
    assert scaler.step(optim.Adam({"w": parameter}), clipped) and parameter.abs().min() > 0
    tracked = torch.ones(3, requires_grad=True)
    for call in (lambda: scaler.scale(tracked), lambda: optim.clip_grad_norm([tracked], 1.0)):
        with pytest.raises(TypeError, match="requires grad"):
            call()
