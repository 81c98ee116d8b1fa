"""Optimizers: the rule, by name, in place; masters, groups, state; schedules."""

import ml_dtypes
import numpy as np
import pytest

import fastnets as fn
from fastnets import nn, optim, reference


@pytest.fixture(autouse=True)
def _seeded(seed):
    fn.random.seed(seed[0] + seed[1])


def expected_adamw(parameter, gradients, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
    """The reference's rule in float64 over all the gradients, one a step."""
    theta, m, v = (np.array(a, np.float64) for a in (parameter, 0 * parameter, 0 * parameter))
    for step, gradient in enumerate(gradients, start=1):
        theta, m, v, _ = reference.adam(theta, gradient, m, v, None, step, lr, *betas, eps, weight_decay, True, False)
    return theta


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 5e-7), (np.float64, 1e-13)])
def test_adamw_follows_its_rule_over_many_steps(dtype, tolerance, rng):
    parameter = rng.standard_normal((3, 5)).astype(dtype)
    start, gradients = parameter.copy(), [rng.standard_normal((3, 5)).astype(dtype) for _ in range(10)]
    options = {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1}
    optimizer = optim.AdamW([parameter], **options)
    for gradient in gradients:
        assert optimizer.step([gradient]) is None
    expected = expected_adamw(start, gradients, **options)
    np.testing.assert_allclose(parameter, expected, rtol=0, atol=10 * tolerance * np.abs(expected).max())
    assert np.abs(parameter - start).max() > 0.1


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_parameters_follow_a_float32_master(dtype, rng):
    parameter = np.ones(64, dtype)
    gradients = [rng.uniform(0.5, 1, 64).astype(dtype) for _ in range(20)]
    optimizer = optim.AdamW({"w": parameter}, lr=1e-4, weight_decay=0.0)
    for gradient in gradients:
        optimizer.step({"w": gradient})  # each step is below half of the dtype's spacing at 1
    expected = expected_adamw(np.ones(64), gradients, lr=1e-4, weight_decay=0.0)
    state = optimizer.state["w"].arrays
    assert {name: array.dtype for name, array in state.items()} == dict.fromkeys(state, np.dtype(np.float32))
    np.testing.assert_allclose(state["master"], expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(parameter, state["master"].astype(dtype))
    assert np.abs(state["master"] - 1).min() > 1e-3


def test_a_master_gives_way_to_values_from_outside(rng):
    layer = nn.Linear(4, 4, bias=False, dtype="bfloat16")
    optimizer = optim.AdamW(layer, lr=1e-3, weight_decay=0.0)
    gradient = np.ones((4, 4), ml_dtypes.bfloat16)
    optimizer.step({"weight": gradient})
    layer.load_state_dict({"weight": np.full((4, 4), 8.0)})
    optimizer.step({"weight": gradient})
    np.testing.assert_allclose(optimizer.state["weight"].arrays["master"], 8.0, rtol=0, atol=2e-3)
    before = optimizer.state["weight"].arrays["master"]
    layer.weight = layer.weight.copy()  # the same values: the master keeps what bfloat16 cannot hold
    optimizer.step({"weight": gradient})
    assert optimizer.state["weight"].arrays["master"] is before


def test_absent_and_none_gradients_leave_parameter_and_state_alone(rng):
    layer = nn.Linear(3, 2)
    optimizer = optim.AdamW(layer)
    bias = layer.bias.copy()
    optimizer.step({"weight": np.ones((2, 3), np.float32), "bias": None})
    optimizer.step({"weight": np.ones((2, 3), np.float32)})
    optimizer.step({})
    np.testing.assert_array_equal(layer.bias, bias)
    assert list(optimizer.state) == ["weight"] and optimizer.state["weight"].step == 2


def test_parameters_are_looked_up_at_each_step(rng):
    layer = nn.Linear(3, 2)
    optimizer = optim.AdamW(layer.parameters(), lr=0.1)
    gradient = np.ones((2, 3))
    optimizer.step({"weight": gradient.astype(np.float32)})
    layer.to("float64")
    kept = layer.weight.copy()
    optimizer.step({"weight": gradient})
    assert optimizer.state["weight"].arrays["exp_avg"].dtype == np.float64
    np.testing.assert_allclose(layer.weight, kept - 0.1 * np.sign(gradient) - 0.1 * 0.01 * kept, atol=1e-5)
    layer.weight = np.zeros((2, 3))
    optimizer.step({"weight": gradient})
    np.testing.assert_allclose(layer.weight, -0.1, atol=1e-5)


def test_a_tied_parameter_is_stepped_once():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)).to("float64")
    model[1].weight = model[0].weight
    start = model[0].weight.copy()
    optimizer = optim.AdamW(model, lr=0.1, weight_decay=0.0)
    _, backward = model[1].vjp(np.ones((1, 2)))
    optimizer.step({"0.weight": np.ones((2, 2))})
    np.testing.assert_allclose(model[1].weight, start - 0.1, atol=1e-7)
    with pytest.raises(RuntimeError, match="after the parameters"):
        backward(np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"gradients name 1\.weight"):
        optimizer.step({"1.weight": np.ones((2, 2))})


def test_lr_can_be_set_between_steps_and_groups_may_have_their_own(rng):
    arrays = {name: np.zeros(2) for name in "abc"}
    groups = [{"params": "b", "lr": 0.0}, {"params": ["c"], "weight_decay": 0.0, "betas": (0.5, 0.5)}]
    optimizer = optim.AdamW(arrays, lr=0.1, groups=groups)
    gradients = {name: np.ones(2) for name in arrays}
    optimizer.step(gradients)
    np.testing.assert_allclose([arrays[name][0] for name in "abc"], [-0.1, 0.0, -0.1], atol=1e-8)
    optimizer.lr = 0.2
    optimizer.groups[0]["lr"] = 0.3
    optimizer.step(gradients)
    assert optimizer.lr == 0.2
    np.testing.assert_allclose(arrays["b"], -0.3, atol=1e-8)
    np.testing.assert_allclose(arrays["c"], -0.3, atol=1e-8)


def test_decay_groups_spare_norms_and_biases():
    layer = nn.Linear(3, 2)
    layer.load_state_dict({"weight": np.ones((2, 3)), "bias": np.ones(2)})
    optimizer = optim.AdamW(layer, lr=0.1, weight_decay=0.5, groups=optim.decay_groups(layer))
    optimizer.step({"weight": np.zeros((2, 3), np.float32), "bias": np.zeros(2, np.float32)})
    np.testing.assert_allclose(layer.weight, 0.95, rtol=1e-6)
    np.testing.assert_array_equal(layer.bias, 1.0)


# ---- state -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_training_goes_on_from_a_saved_state_as_if_never_interrupted(dtype, rng, tmp_path):
    pytest.importorskip("safetensors")
    layer = nn.Linear(3, 2, dtype=dtype)
    gradients = [
        {name: rng.standard_normal(array.shape).astype(array.dtype) for name, array in layer.named_parameters()}
        for _ in range(4)
    ]
    optimizer = optim.AdamW(layer, lr=0.01)
    for each in gradients[:2]:
        optimizer.step(each)
    fn.io.save_safetensors(layer.state_dict(), tmp_path / "layer")
    fn.io.save_safetensors(optimizer.state_dict(), tmp_path / "optimizer")
    other = nn.Linear(3, 2, dtype=dtype)
    other.load_state_dict(fn.io.load_safetensors(tmp_path / "layer"))
    resumed = optim.AdamW(other)
    resumed.load_state_dict(fn.io.load_safetensors(tmp_path / "optimizer"))
    assert resumed.lr == 0.01
    for each in gradients[2:]:
        optimizer.step(each)
        resumed.step(each)
    for name, array in layer.named_parameters():
        np.testing.assert_array_equal(dict(other.named_parameters())[name], array)
    for name, array in optimizer.state_dict().items():
        np.testing.assert_array_equal(resumed.state_dict()[name], array)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.update({"other.step": np.array(1)}), "state name other.step"),
        (lambda state: state.pop("weight.step"), "lacks weight.step"),
        (lambda state: state.pop("weight.exp_avg"), "lacks weight.exp_avg"),
        (lambda state: state.update({"weight.exp_avg": np.ones(3)}), r"weight.exp_avg has shape \(3,\)"),
        (lambda state: state.update({"lr": np.array(-1.0)}), "lr is"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_whole(change, message):
    layer = nn.Linear(3, 2)
    optimizer = optim.AdamW(layer)
    optimizer.step({"weight": np.ones((2, 3), np.float32)})
    state = {name: array.copy() for name, array in optimizer.state_dict().items()}
    change(state)
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    assert optimizer.state["weight"].step == 1 and optimizer.lr == 1e-3


# ---- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gradients", "error", "message"),
    [
        ({"weigth": np.ones(2, "f")}, ValueError, "gradients name weigth; expected some of bias, weight"),
        ({"weight": np.ones((3, 2), "f")}, ValueError, r"gradient of weight has shape \(3, 2\) but \(2, 3\)"),
        ({"weight": [[1.0] * 3] * 2}, TypeError, "gradient of weight is list"),
        ({"weight": np.ones((2, 3), int)}, TypeError, "gradient of weight is int64"),
        (np.ones((2, 3), "f"), TypeError, "expected a mapping of names to gradients"),
        ([np.ones((2, 3), "f")], ValueError, "got 1 gradients for 2 parameters"),
    ],
)
def test_wrong_gradients_are_refused_before_anything_changes(gradients, error, message):
    layer = nn.Linear(3, 2)
    before = {name: array.copy() for name, array in layer.state_dict().items()}
    optimizer = optim.AdamW(layer)
    if isinstance(gradients, dict):
        gradients = {"bias": np.ones(2, np.float32), **gradients}
    with pytest.raises(error, match=f"AdamW: .*{message}"):
        optimizer.step(gradients)
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert not optimizer.state


def test_parameters_in_eval_mode_are_locked():
    layer = nn.Linear(3, 2).eval()
    optimizer = optim.AdamW(layer)
    with pytest.raises(ValueError, match=r"bias is locked because its layer is in eval mode; call train\(\) first"):
        optimizer.step({"bias": np.ones(2, np.float32)})
    layer.train()
    optimizer.step({"bias": np.ones(2, np.float32)})
    locked = np.ones(2)
    locked.flags.writeable = False
    with pytest.raises(ValueError, match="0 is read-only"):
        optim.AdamW([locked]).step([np.ones(2)])


def test_gradients_of_another_library_are_refused():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    with pytest.raises(TypeError, match="gradient of bias is a torch array"):
        optim.AdamW(nn.Linear(3, 2)).step({"bias": torch.ones(2)})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"lr": -1.0}, ValueError, "lr is -1.0"),
        ({"lr": float("nan")}, ValueError, "lr is nan"),
        ({"betas": (0.9, 1.0)}, ValueError, "betas are"),
        ({"betas": (0.9,)}, ValueError, "betas are"),
        ({"eps": -1e-8}, ValueError, "eps is -1e-08"),
        ({"weight_decay": float("nan")}, ValueError, "weight_decay is nan"),
        ({"amsgrad": True}, ValueError, "amsgrad=True is not served"),
        ({"capturable": True}, ValueError, "capturable=True is not served"),
        ({"groups": [{"params": ["other"]}]}, ValueError, "groups name other; expected some of bias, weight"),
        ({"groups": [{"params": ["bias"]}, {"params": ["bias"]}]}, ValueError, "groups name bias more than once"),
        ({"groups": [{"params": ["bias"], "momentum": 1}]}, ValueError, "group settings name momentum"),
        ({"groups": [{"params": ["bias"], "weight_decay": -1}]}, ValueError, "weight_decay is -1"),
    ],
)
def test_wrong_settings_are_refused(arguments, error, message):
    with pytest.raises(error, match=f"AdamW: {message}"):
        optim.AdamW(nn.Linear(3, 2), **arguments)


@pytest.mark.parametrize("parameters", [np.ones(3), 3, None, {"a": [1.0]}, [1.0], {"a": np.ones(2, int)}])
def test_what_are_no_parameters_is_a_type_error(parameters):
    with pytest.raises(TypeError, match="AdamW: "):
        optim.AdamW(parameters)


# ---- schedules -------------------------------------------------------------------------------------------------------


def test_schedules_have_their_closed_forms():
    assert [optim.warmup(step, 2) for step in range(3)] == [0.5, 1.0, 1.0] and optim.warmup(0, 0) == 1.0
    assert optim.cosine(0, 10) == 1.0 and optim.cosine(10, 10) == 0.0 == optim.cosine(11, 10)
    assert optim.cosine(5, 10, floor=0.2) == pytest.approx(0.6) and optim.cosine(10, 10, 0.2) == pytest.approx(0.2)
    assert optim.noam(0, 64, 100) == pytest.approx(64**-0.5 * 100**-1.5)
    assert optim.noam(399, 64, 100) == pytest.approx(64**-0.5 * 400**-0.5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: optim.warmup(-1, 2),
        lambda: optim.warmup(0, -2),
        lambda: optim.cosine(0, 10, floor=2),
        lambda: optim.noam(0, 0, 10),
        lambda: optim.noam(0, 10, 0),
    ],
)
def test_schedules_refuse_what_makes_no_sense(call):
    with pytest.raises(ValueError, match="expected"):
        call()
