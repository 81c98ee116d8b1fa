"""Names and values of whole models: state_dict, load_state_dict, moves, initial values, repr and summary."""

import ml_dtypes
import numpy as np
import pytest

import fastnets as fn
from fastnets import nn


@pytest.fixture(autouse=True)
def _seeded(seed):
    fn.random.seed(seed[0] + seed[1])


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, activation="relu"), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10)
    )


def test_loading_copies_and_casts_in_place(rng):
    model = cnn()
    weight = model[0].weight
    state = {name: rng.standard_normal(array.shape) for name, array in model.state_dict().items()}  # float64
    assert model.load_state_dict(state) == ([], [])
    assert model[0].weight is weight
    for name, array in model.state_dict().items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, state[name].astype(np.float32))
        state[name][...] = 0
        assert array.any()


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16, np.int8, np.bool_])
def test_loading_casts_from_every_dtype_of_numbers(dtype):
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": np.array([[1, 0]], dtype), "bias": np.ones(1, dtype)})
    assert layer.weight.tolist() == [[1.0, 0.0]] and layer.weight.dtype == np.float32


def test_loading_takes_any_byte_order(rng):
    layer = nn.Linear(2, 1)
    locked = np.zeros(1, np.float32)
    locked.flags.writeable = False
    layer.bias = locked
    values = rng.standard_normal(3).astype(np.float32)
    for order in "<>":
        state = values.astype(np.dtype(np.float32).newbyteorder(order))
        layer.load_state_dict({"weight": state[None, :2], "bias": state[2:]})
        np.testing.assert_array_equal(layer.bias, values[2:])
        assert layer(np.zeros((1, 2), np.float32)) == values[2]


def test_loading_survives_values_that_are_the_models_own_arrays():
    layer = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    first, second = (module.weight.copy() for module in layer)
    layer.load_state_dict({"0.weight": layer[1].weight, "1.weight": layer[0].weight[::1]})
    np.testing.assert_array_equal(layer[0].weight, second)
    np.testing.assert_array_equal(layer[1].weight, first)


def test_loading_keeps_ties_and_replaces_what_its_user_locked(rng):
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    locked = np.frombuffer(np.ones(4, np.float32).tobytes(), np.float32).reshape(2, 2)
    model[0].weight = model[1].weight = locked
    value = rng.standard_normal((2, 2)).astype(np.float32)
    for mode in (model.train, model.eval):
        mode()
        model.load_state_dict({"1.weight": value}, strict=False)
        assert model[0].weight is model[1].weight
        np.testing.assert_array_equal(model[0].weight, value)
        value = value + 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s.pop("3.bias"), ValueError, "missing: 3.bias"),
        (lambda s: s.update(extra=np.ones(1)), ValueError, "unexpected: extra"),
        (lambda s: (s.pop("0.weight"), s.update(x=1, y=2)), ValueError, "missing: 0.weight; unexpected: x, y"),
        (lambda s: s.update({"3.bias": np.ones(9)}), ValueError, r"3.bias has shape \(9,\) but \(10,\)"),
        (lambda s: s.update({"3.bias": [0.0] * 10}), TypeError, "3.bias is list but an array"),
        (lambda s: s.update({"3.bias": np.array(["1"] * 10)}), TypeError, "3.bias is <U1"),
        (lambda s: s.update({"3.bias": np.ones(10, complex)}), TypeError, "3.bias is complex128"),
    ],
)
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_loading_is_all_or_nothing(change, error, message, mode):
    model = getattr(cnn(), mode)()
    before = {name: array.copy() for name, array in model.state_dict().items()}
    state = {name: array + 1 for name, array in before.items()}
    change(state)
    with pytest.raises(error, match=message):
        model.load_state_dict(state)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
        assert array.flags.writeable == (mode == "train")


def test_loading_what_is_no_mapping_is_a_type_error():
    with pytest.raises(TypeError, match="expected a mapping"):
        cnn().load_state_dict([np.ones(1)])


def test_loading_without_strict_returns_what_it_left():
    model = cnn()
    result = model.load_state_dict({"3.bias": np.ones(10), "other": np.ones(1)}, strict=False)
    assert result.missing_keys == ["0.weight", "0.bias", "3.weight"] and result.unexpected_keys == ["other"]
    assert model[3].bias.all()


# ---- moves -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["bfloat16", ml_dtypes.bfloat16, np.float16, "float64", np.dtype("float64")])
def test_to_a_dtype_works_in_place_and_keeps_integers_and_ties(dtype, rng):
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    model.register_buffer("count", np.array(3))
    expected = model[0].weight.astype(np.dtype(dtype if dtype != "bfloat16" else ml_dtypes.bfloat16))
    assert model.to(dtype) is model
    assert model[0].weight.dtype == expected.dtype and model[1].weight is model[0].weight
    np.testing.assert_array_equal(model[0].weight, expected)
    assert model.count.dtype == np.int64
    x = rng.standard_normal((2, 3)).astype(expected.dtype)
    assert model(x).dtype == expected.dtype == model.eval()(x).dtype


def test_to_where_nothing_changes_keeps_the_arrays():
    layer = nn.Linear(2, 2)
    weight = layer.weight
    assert layer.to("cpu", "float32").weight is weight


def test_to_in_eval_mode_packs_and_locks_anew(rng):
    layer, x = nn.Linear(3, 2).eval(), rng.standard_normal((2, 3))
    expected = layer(x.astype(np.float32))
    layer.to("float64")
    assert not layer.weight.flags.writeable
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-6)


def test_to_cuda_without_cupy_names_the_extra():
    try:
        import cupy  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match=r"fastnets\[cupy\]"):
            nn.Linear(2, 2).to("cuda")
    else:
        pytest.skip("CuPy is installed")


def test_constructors_take_torchs_device_and_dtype():
    assert nn.Linear(2, 2, True, "cpu", "float64").weight.dtype == np.float64
    assert nn.Conv1d(1, 1, 3, dtype=np.float16).weight.dtype == np.float16


# ---- initial values --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (lambda: nn.Linear(50, 2000), 50),
        (lambda: nn.Conv2d(4, 400, (3, 5), groups=2), 30),
        (lambda: nn.Conv1d(5, 900, 3), 15),
    ],
)
def test_initial_values_are_uniform_up_to_one_over_root_fan_in(layer, fan_in):
    layer = layer()
    bound = fan_in**-0.5
    for array in (layer.weight, layer.bias):
        u = np.sort(array.ravel() / bound / 2 + 0.5)
        assert 0 <= u[0] and u[-1] <= 1 and u[-1] > 0.98
        # Kolmogorov-Smirnov: beyond 2.5 / √n once in 150,000 runs
        assert np.abs(u - np.linspace(0, 1, u.size)).max() < 2.5 / np.sqrt(u.size)


def test_a_seed_repeats_initial_values_and_dropout_does_not_disturb_them():
    fn.random.seed(3)
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    assert (first.weight != second.weight).any()
    fn.random.seed(3)
    again = nn.Linear(3, 3)
    nn.Dropout()(np.ones(3, np.float32))
    np.testing.assert_array_equal(again.weight, first.weight)
    np.testing.assert_array_equal(nn.Linear(3, 3).weight, second.weight)


@pytest.mark.parametrize(
    ("value", "error"), [("1", TypeError), (1.5, TypeError), (2**64, ValueError), (-(2**63) - 1, ValueError)]
)
def test_seeds_out_of_range_are_refused(value, error):
    with pytest.raises(error, match="seed: "):
        fn.random.seed(value)


# ---- looking ---------------------------------------------------------------------------------------------------------


def test_repr_is_torchs_tree_and_shows_the_fused_activation():
    assert repr(nn.Sequential(nn.Linear(3, 4, activation="relu"), nn.Residual(nn.Conv2d(1, 1, 3, padding=1)))) == (
        "Sequential(\n"
        "  (0): Linear(in_features=3, out_features=4, bias=True, activation='relu')\n"
        "  (1): Residual(\n"
        "    (0): Conv2d(1, 1, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))\n"
        "  )\n"
        ")"
    )


def test_summary_counts_shapes_parameters_and_flops():
    model = cnn()
    summary = model.summary((5, 1, 8, 8))
    assert summary.parameters == sum(parameter.size for parameter in model.parameters()) == 40 + 650
    assert summary.flops == 5 * (2 * 4 * 64 * 9 + 2 * 64 * 10)
    assert repr(summary) == str(summary) and "(5, 4, 4, 4)" in summary and "(3): Linear" in summary


def test_summary_leaves_mode_and_randomness_alone():
    model = nn.Sequential(nn.Dropout(), nn.Linear(3, 3))
    fn.random.seed(1)
    model.summary((2, 3))
    assert model.training and model[0].training and model[1].weight.flags.writeable
    seed_after = fn.random.draw_seed()
    fn.random.seed(1)
    assert fn.random.draw_seed() == seed_after


def test_sequential_has_length_items_and_slices():
    model = cnn()
    assert (
        len(model) == 4
        and isinstance(model[-1], nn.Linear)
        and [type(layer) for layer in model[1:3]]
        == [
            nn.MaxPool2d,
            nn.Flatten,
        ]
    )
    assert model[:1][0] is model[0]
