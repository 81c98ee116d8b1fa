"""Layers beyond their kernels: gradients by name, the two modes, what counts as a change, errors."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest

import fastnets as fn
import fastnets.functional as F
from fastnets import nn


@pytest.fixture(autouse=True)
def _seeded(seed):
    fn.random.seed(seed[0] + seed[1])


def mlp():
    return nn.Sequential(nn.Linear(3, 5, activation="tanh"), nn.Residual(nn.Linear(5, 5), nn.Tanh()), nn.Linear(5, 2))


def images(rng, n=2, channels=1, size=8):
    return rng.standard_normal((n, channels, size, size)).astype(np.float32)


# ---- gradients -------------------------------------------------------------------------------------------------------


def central_differences(function, array, step=1e-6):
    """Gradient of a scalar function with respect to an array that it reads."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(*array.shape):
        kept = array[index]
        array[index] = kept + step
        above = function()
        array[index] = kept - step
        gradient[index] = (above - function()) / (2 * step)
        array[index] = kept
    return gradient


@pytest.mark.parametrize(
    "build",
    [
        mlp,
        nn.Sequential,
        lambda: nn.Sequential({"first": nn.Linear(3, 4), "second": nn.GELU("tanh")}),
        lambda: nn.Residual(nn.Linear(3, 3, activation="silu"), nn.Linear(3, 3)),
        lambda: nn.Parallel(nn.Linear(3, 4), nn.Sequential(nn.Linear(3, 4), nn.Sigmoid()), reduce="sum"),
        lambda: nn.Sequential(nn.Parallel(nn.Linear(3, 4), nn.Linear(3, 2)), nn.Select(-1)),
        lambda: nn.Sequential(
            nn.Parallel(nn.Tanh(), nn.Linear(3, 3)),
            nn.Parallel(nn.Select(0), nn.Select(1), nn.Select(0), reduce="sum"),
        ),
        lambda: nn.Sequential(nn.Flatten(0), nn.Identity(), nn.Linear(6, 2)),
    ],
)
def test_gradients_of_combinators_against_finite_differences(build, rng):
    model, x = build().to("float64"), rng.standard_normal((2, 3))
    y, backward = model.vjp(x)
    np.testing.assert_array_equal(y, model(x))
    dy = rng.standard_normal(y.shape)
    dx, grads = backward(dy)
    parameters = dict(model.named_parameters())
    assert set(grads) <= set(parameters)
    found = {"input": dx, **grads}
    for name, array in {"input": x, **parameters}.items():
        numerical = central_differences(lambda: float((model(x) * dy).sum()), array)
        bound = 1e-7 * max(1.0, np.abs(numerical).max())  # step² · third derivative + eps · |y| / step
        np.testing.assert_allclose(found.get(name, 0.0), numerical, rtol=0, atol=bound, err_msg=name)


def test_gradients_have_the_parameters_names_order_shapes_and_dtypes(rng):
    model, x = mlp(), rng.standard_normal((4, 3)).astype(np.float32)
    y, backward = model.vjp(x)
    dx, grads = backward(np.ones_like(y))
    assert (dx.shape, dx.dtype) == (x.shape, x.dtype)
    assert list(grads) == list(model.state_dict())
    for name, parameter in model.named_parameters():
        assert (grads[name].shape, grads[name].dtype) == (parameter.shape, parameter.dtype)


def test_backward_may_be_called_again_with_another_gradient(rng):
    model, x = mlp().to("float64"), rng.standard_normal((4, 3))
    y, backward = model.vjp(x)
    dy = rng.standard_normal(y.shape)
    (dx, grads), (dx_again, _), (dx_twice, grads_twice) = backward(dy), backward(dy), backward(2 * dy)
    np.testing.assert_array_equal(dx, dx_again)
    np.testing.assert_array_equal(2 * dx, dx_twice)  # doubling is exact
    for name, gradient in grads.items():
        np.testing.assert_array_equal(2 * gradient, grads_twice[name])


def test_without_input_gradient_the_parameters_gradients_are_the_same(rng):
    model, x = nn.Sequential(nn.Flatten(), mlp()), rng.standard_normal((4, 1, 3)).astype(np.float32)
    y, backward = model.vjp(x)
    _, expected = backward(np.ones_like(y))
    y, backward = model.vjp(x, input_gradient=False)
    dx, grads = backward(np.ones_like(y))
    assert dx is None and list(grads) == list(expected)
    for name, gradient in expected.items():
        np.testing.assert_array_equal(grads[name], gradient)


def test_several_inputs_give_a_tuple_of_gradients(rng):
    loss_layer, logits = nn.CrossEntropyLoss(), rng.standard_normal((4, 3))
    target = np.array([0, 2, 1, 1])
    loss, backward = loss_layer.vjp(logits, target)
    dinputs, grads = backward(np.ones_like(loss))
    expected_loss, expected = fn.value_and_grad(F.cross_entropy, logits, target)
    assert loss == expected_loss and grads == {} and len(dinputs) == 2 and dinputs[1] is None
    np.testing.assert_array_equal(dinputs[0], expected)
    residual = rng.standard_normal((2, 5)).astype(np.float32)
    _, backward = nn.Linear(3, 5).vjp(rng.standard_normal((2, 3)).astype(np.float32), residual)
    (_, dresidual), _ = backward(residual)
    np.testing.assert_array_equal(dresidual, residual)


def test_tied_parameters_come_once_summed_under_their_first_name(rng):
    x = rng.standard_normal((2, 4))
    tied = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4, bias=False)).to("float64")
    tied[1].weight = tied[0].weight
    apart = copy.deepcopy(tied)
    apart[1].weight = tied[0].weight.copy()
    dy = rng.standard_normal((2, 4))
    grads, expected = tied.vjp(x)[1](dy)[1], apart.vjp(x)[1](dy)[1]
    assert list(grads) == ["0.weight", "0.bias"] == [name for name, _ in tied.named_parameters()]
    np.testing.assert_array_equal(grads["0.weight"], expected["0.weight"] + expected["1.weight"])
    assert list(tied.state_dict()) == ["0.weight", "0.bias", "1.weight"]


def test_a_layer_used_twice_is_tied_to_itself(rng):
    layer, x = nn.Linear(3, 3).to("float64"), rng.standard_normal((2, 3))
    model = nn.Sequential(layer, nn.Tanh(), layer)
    dy = rng.standard_normal((2, 3))
    _, grads = model.vjp(x)[1](dy)
    numerical = central_differences(lambda: float((model(x) * dy).sum()), layer.weight)
    assert list(grads) == ["0.weight", "0.bias"]
    np.testing.assert_allclose(grads["0.weight"], numerical, rtol=0, atol=1e-7 * np.abs(numerical).max())


def test_buffers_have_no_gradient(rng):
    loss_layer = nn.CrossEntropyLoss(weight=np.array([1.0, 2.0, 3.0]))
    loss, backward = loss_layer.vjp(rng.standard_normal((2, 3)), np.array([0, 1]))
    assert backward(np.ones_like(loss))[1] == {} and list(loss_layer.state_dict()) == ["weight"]


def test_none_for_an_output_of_parallel_counts_as_zero(rng):
    model, x = nn.Parallel(nn.Linear(3, 2), nn.Linear(3, 4)), rng.standard_normal((2, 3)).astype(np.float32)
    (first, _), backward = model.vjp(x)
    dx, grads = backward((np.ones_like(first), None))
    assert list(grads) == ["0.weight", "0.bias"]
    np.testing.assert_array_equal(dx, model[0].vjp(x)[1](np.ones_like(first))[0])


# ---- modes -----------------------------------------------------------------------------------------------------------


def test_eval_computes_the_same_from_packed_weights_and_locks_them(rng):
    model, x = mlp(), rng.standard_normal((4, 3)).astype(np.float32)
    y = model(x)
    assert model.eval() is model and not model.training and not model[1][0].training
    np.testing.assert_array_equal(model(x), y)
    with pytest.raises(ValueError, match="read-only"):
        model[0].weight[0, 0] = 1
    y_again, backward = model.vjp(x)
    np.testing.assert_array_equal(y_again, y)
    assert list(backward(np.ones_like(y))[1]) == list(model.state_dict())
    assert model.train() is model and model.training
    model[0].weight[0, 0] = 1


def test_what_was_read_only_before_eval_stays_so_after_train():
    layer = nn.Linear(2, 2)
    locked = np.ones((2, 2), np.float32)
    locked.flags.writeable = False
    layer.weight = locked
    layer.eval().train()
    assert not layer.weight.flags.writeable and layer.bias.flags.writeable


@pytest.mark.parametrize("change", ["assign", "load"])
def test_changes_in_eval_mode_reach_the_packed_weights(change, rng):
    layer, x = nn.Linear(3, 2).eval(), rng.standard_normal((4, 3)).astype(np.float32)
    before = layer(x)
    weight = rng.standard_normal((2, 3)).astype(np.float32)
    if change == "assign":
        layer.weight = weight
    else:
        layer.load_state_dict({"weight": weight}, strict=False)
    assert not layer.weight.flags.writeable
    assert np.abs(layer(x) - before).max() > 1e-3
    np.testing.assert_array_equal(layer(x), F.linear(x, weight, layer.bias))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_copies_compute_the_same_keep_mode_and_ties_and_are_independent(copied, mode, rng):
    model, x = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), rng.standard_normal((4, 3)).astype(np.float32)
    model[1].weight = model[0].weight
    twin = copied(getattr(model, mode)())
    np.testing.assert_array_equal(twin(x), model(x))
    assert twin.training == model.training and twin[1].weight is twin[0].weight is not model[0].weight
    assert twin[0].weight.flags.writeable == (mode == "train")
    twin.train()[0].weight[...] = 0
    assert model[0].weight.any()


def test_dropout_is_active_in_training_only_and_repeats_after_a_seed(rng):
    layer, x = nn.Dropout(0.5), np.ones((64, 64), np.float32)
    fn.random.seed(7)
    y, backward = layer.vjp(x)
    assert set(np.unique(y)) == {0.0, 2.0}
    np.testing.assert_array_equal(backward(np.ones_like(y))[0], y)  # dx = dy where kept, doubled; the same mask
    fn.random.seed(7)
    np.testing.assert_array_equal(layer(x), y)
    np.testing.assert_array_equal(layer.eval()(x), x)


# ---- changes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda model, grads: fn.optim.AdamW(model).step(grads),
        lambda model, grads: model.load_state_dict(copy.deepcopy(model.state_dict())),
        lambda model, grads: setattr(model[0], "weight", np.zeros((5, 3), np.float32)),
        lambda model, grads: model.to("float64"),
    ],
    ids=["step", "load_state_dict", "assignment", "to"],
)
def test_backward_refuses_after_the_parameters_changed(change, rng):
    model, x = mlp(), rng.standard_normal((4, 3)).astype(np.float32)
    y, backward = model.vjp(x)
    _, grads = backward(np.ones_like(y))
    change(model, grads)
    with pytest.raises(RuntimeError, match="Linear: backward was called after"):
        backward(np.ones_like(y))


def test_backward_works_while_only_other_layers_changed(rng):
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    y, backward = first.vjp(rng.standard_normal((4, 3)).astype(np.float32))
    second.weight = np.zeros((3, 3), np.float32)
    fn.optim.AdamW(second).step({"bias": np.ones(3, np.float32)})
    backward(np.ones_like(y))


# ---- modules of one's own --------------------------------------------------------------------------------------------


class Scale(nn.Module):
    """By hand, with a parameter, a buffer and no call to super().__init__()."""

    def __init__(self, width):
        self.scale = nn.Parameter(np.full(width, 2.0))
        self.register_buffer("seen", np.zeros((), np.int64))
        self.register_buffer("scratch", np.zeros(3), persistent=False)

    def forward(self, x):
        return x * self.scale

    def vjp(self, x, *, input_gradient=True):
        def backward(dy):
            return dy * self.scale if input_gradient else None, {"scale": (dy * x).sum(axis=0)}

        return self(x), backward


def test_a_module_by_hand_takes_part_in_everything(rng):
    model, x = nn.Sequential(nn.Linear(3, 4).to("float64"), Scale(4)), rng.standard_normal((2, 3))
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.scale", "1.seen"]
    assert [name for name, _ in model.named_buffers()] == ["1.seen", "1.scratch"]
    _, grads = model.vjp(x)[1](np.ones((2, 4)))
    np.testing.assert_allclose(grads["1.scale"], F.linear(x, model[0].weight, model[0].bias).sum(axis=0), rtol=1e-13)
    fn.optim.AdamW(model).step(grads)
    assert (model[1].scale != 2).all()


def test_a_module_of_one_functional_call_needs_only_that(rng):
    class Tied(nn.Module):
        def __init__(self, weight):
            self.weight = nn.Parameter(weight)

        def operation(self, input):
            return partial(F.linear, input, weight=self.weight)

    layer, x = Tied(np.eye(3)), rng.standard_normal((2, 3))
    y, backward = layer.vjp(x)
    dx, grads = backward(y)
    np.testing.assert_array_equal(dx, x)
    np.testing.assert_allclose(grads["weight"], x.T @ x, rtol=1e-13)


def test_a_module_without_operation_forward_or_vjp_says_what_is_missing():
    class Empty(nn.Module):
        pass

    for call in (Empty(), Empty().vjp):
        with pytest.raises(NotImplementedError, match=r"Empty: .*combinators.*operation\(\).*forward\(\) and vjp\(\)"):
            call(1)


def test_modules_forget_what_is_deleted_or_set_to_none():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    del model[0].bias
    model[1].bias = None
    assert list(model.state_dict()) == ["0.weight", "1.weight"] and len(model) == 2
    delattr(model, "1")
    assert list(model.state_dict()) == ["0.weight"]


# ---- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.Linear(-1, 2), ValueError, "Linear: in_features is -1 but at least 0"),
        (lambda: nn.Linear(2.5, 2), TypeError, "Linear: in_features is 2.5 but an integer"),
        (lambda: nn.Linear(2, 2, activation="swish"), ValueError, "Linear: activation is 'swish'"),
        (lambda: nn.Linear(2, 2, device="meta"), ValueError, "'meta' is neither a device"),
        (lambda: nn.Linear(2, 2, dtype="int8"), TypeError, "parameters cannot be int8"),
        (lambda: nn.Linear(2, 2).to(None), TypeError, "to: expected a device"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "Conv2d: in_channels is 3 but a multiple of groups=2"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), ValueError, "Conv2d: out_channels is 3 but a multiple of groups=2"),
        (lambda: nn.Conv2d(1, 1, (3, 3, 3)), ValueError, r"Conv2d: kernel_size is \(3, 3, 3\) but one integer or 2"),
        (lambda: nn.Conv2d(1, 1, 3, stride=0), ValueError, "Conv2d: stride is 0 but at least 1"),
        (lambda: nn.Conv2d(1, 1, 3, padding=-1), ValueError, "Conv2d: padding is -1 but at least 0"),
        (lambda: nn.Conv1d(1, 1, 3, padding="full"), ValueError, "Conv1d: padding is 'full'"),
        (lambda: nn.Conv3d(1, 1, 3, padding_mode="wrap"), ValueError, "Conv3d: padding_mode is 'wrap'"),
        (lambda: nn.Conv2d(1, 1, 3, padding="same", stride=2), None, ""),
        (lambda: nn.MaxPool2d(0), ValueError, "MaxPool2d: kernel_size is 0"),
        (lambda: nn.Dropout(1.5), ValueError, "Dropout: p is 1.5 but a number in"),
        (lambda: nn.GELU("erf"), ValueError, "GELU: approximate is 'erf'"),
        (lambda: nn.CrossEntropyLoss(reduction="max"), ValueError, "reduction is 'max'"),
        (lambda: nn.CrossEntropyLoss(size_average=True), ValueError, "size_average"),
        (lambda: nn.CrossEntropyLoss(label_smoothing=2), ValueError, "label_smoothing is 2"),
        (lambda: nn.Sequential(nn.ReLU(), abs), TypeError, "Sequential: layer 1 is builtin_function_or_method"),
        (lambda: nn.Parallel(), ValueError, "Parallel: got no layers"),
        (lambda: nn.Parallel(nn.ReLU(), reduce="mean"), ValueError, "Parallel: reduce is 'mean'"),
        (lambda: nn.Residual(nn.Linear(2, 3))(np.ones((1, 2), "f")), ValueError, r"give \(1, 3\) but .* \(1, 2\)"),
        (lambda: nn.Select("0"), TypeError, "Select: index is '0'"),
        (lambda: nn.Select(2)((1, 2)), ValueError, "Select: index is 2 but the input has 2 elements"),
        (lambda: nn.Select(0)(np.ones(3)), TypeError, "Select: input is ndarray"),
        (lambda: nn.Flatten(3)(np.ones((2, 2))), ValueError, "Flatten: start_dim is 3 but the input has 2"),
        (lambda: nn.Flatten(1, 0)(np.ones((2, 2))), ValueError, "start_dim=1 lies behind end_dim=0"),
        (lambda: setattr(nn.Linear(2, 3), "weight", [[1.0]]), TypeError, "Linear: weight is list but an array"),
        (lambda: setattr(nn.Linear(2, 3), "weight", np.ones((3, 2), int)), TypeError, "Linear: weight is int64"),
        (
            lambda: setattr(nn.Linear(2, 3), "weight", np.ones((2, 3), np.float32)),
            ValueError,
            r"Linear: weight has shape \(2, 3\) but \(3, 2\) is expected",
        ),
        (lambda: nn.Module().register_parameter("a.b", None), ValueError, "'a.b' cannot name"),
        (lambda: nn.Module().register_buffer("eval", np.ones(1)), ValueError, "'eval' is already an attribute"),
        (lambda: nn.Linear(1, 1).register_parameter("bias", None), ValueError, "'bias' is already a parameter"),
        (lambda: setattr(nn.Sequential(nn.ReLU()), "0", 3), TypeError, "0 is a module"),
        (lambda: nn.Linear(1, 1).train("yes"), ValueError, "train: mode is 'yes'"),
    ],
)
def test_errors_name_the_layer_the_argument_its_value_and_what_is_expected(call, error, message):
    if error is None:
        call()
        return
    with pytest.raises(error, match=message):
        call()


def test_a_failed_assignment_leaves_the_layer_as_it_was():
    layer = nn.Linear(2, 3).eval()
    weight = layer.weight
    with pytest.raises(ValueError):
        layer.weight = np.ones((3, 3), np.float32)
    assert layer.weight is weight and not weight.flags.writeable
