"""The float64 references against PyTorch in float64, on the shared cases, to the bounds that backends are held to."""

import numpy as np
import pytest

from fastnets import reference
from fastnets.cases import CASES, tolerances

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
F = torch.nn.functional


def torch_activation(z, kind, alpha=None):
    if kind is None:
        return z
    if kind in ("leaky_relu", "elu"):
        return getattr(F, kind)(z, alpha)
    return F.gelu(z, approximate="tanh") if kind == "gelu_tanh" else getattr(F, kind)(z)


def torch_linear(x, w, b, residual, kind):
    z = F.linear(x, w, b)
    return torch_activation(z if residual is None else z + residual, kind)


def torch_conv(x, w, b, residual, stride, padding, padding_end, dilation, groups, mode, kind):
    widths = [width for pair in zip(reversed(padding), reversed(padding_end), strict=True) for width in pair]
    x = F.pad(x, widths, mode="constant" if mode == "zeros" else mode)
    z = [F.conv1d, F.conv2d, F.conv3d][len(stride) - 1](x, w, b, stride, 0, dilation, groups)
    return torch_activation(z if residual is None else z + residual, kind)


def torch_max_pool(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    pool = [F.max_pool1d, F.max_pool2d, F.max_pool3d][len(stride) - 1]
    return pool(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def torch_cross_entropy(x, target, w, ignore_index, reduction, smoothing):
    target = target if target.is_floating_point() else target.long()
    return F.cross_entropy(x, target, w, None, ignore_index, None, reduction, smoothing)


TORCH = {
    "linear": torch_linear,
    "conv": torch_conv,
    "max_pool": torch_max_pool,
    "activation": torch_activation,
    "cross_entropy": torch_cross_entropy,
}


def torch_serves(case):
    # a convolution without channels or of an empty batch has no backward there
    return case.op in TORCH and not (case.op == "conv" and 0 in case.inputs[0].shape)


def as_tuple(outputs):
    return outputs if isinstance(outputs, tuple) else (outputs,)


def as_tensor(a, differentiable):
    if not isinstance(a, np.ndarray):
        return a
    tensor = torch.tensor(np.ascontiguousarray(a).reshape(a.shape))
    return tensor.requires_grad_() if differentiable else tensor


def is_differentiable(op, place, a):
    is_class_weight = op == "cross_entropy" and place == 2
    return isinstance(a, np.ndarray) and a.dtype == np.float64 and not is_class_weight


def assert_within(actual, expected, bound, what):
    if expected is None:
        assert actual is None, what
        return
    actual = actual.detach().numpy()
    assert actual.shape == expected.shape, what
    ratio = tolerances.error_over_bound(actual, expected, bound)
    assert (ratio <= 1).all(), f"{what}: {ratio.max():.3g} times the bound\n{actual}\nexpected\n{expected}"


ALL = [case for cases in CASES.values() for case in cases if torch_serves(case)]


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.op} {case}")
def test_reference_is_torch(case, rng, seed):
    op, args = case.op, case.draw(rng, "float64")
    expected = as_tuple(getattr(reference, op)(*args))
    tensors = [as_tensor(a, is_differentiable(op, i, a)) for i, a in enumerate(args)]
    outputs = as_tuple(TORCH[op](*tensors))
    for y, y_expected, bound in zip(outputs, expected, tolerances.bound(op, args, expected), strict=True):
        assert_within(y, y_expected, bound, f"seed {seed}, {op} {case}")

    dy = rng.standard_normal(expected[0].shape)
    expected_gradients = getattr(reference, op + "_backward")(dy, *args)
    bounds = tolerances.bound_backward(op, (dy,), args, expected_gradients)
    outputs[0].backward(torch.tensor(dy))
    for i, (gradient, bound) in enumerate(zip(expected_gradients, bounds, strict=True)):
        tensor_gradient = tensors[i].grad if isinstance(tensors[i], torch.Tensor) else None
        assert_within(tensor_gradient, gradient, bound, f"seed {seed}, gradient {i} of {op} {case}")


SPECIAL = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e300, -1e300, 5e-324])


@pytest.mark.parametrize("kind", ["relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid", "leaky_relu", "elu"])
def test_special_values_of_activations(kind):
    x = torch.tensor(SPECIAL, requires_grad=True)
    y = torch_activation(x, kind, 0.5)
    y.sum().backward()
    np.testing.assert_array_equal(reference.activation(SPECIAL, kind, 0.5), y.detach().numpy())
    gradient = reference.activation_backward(np.ones(SPECIAL.shape), SPECIAL, kind, 0.5)[0]
    is_settled = ~np.isnan(SPECIAL) if kind == "elu" else ...  # torch's scalar and vector loops differ at NaN
    np.testing.assert_array_equal(gradient[is_settled], x.grad.numpy()[is_settled])


def test_max_pool_takes_the_last_nan_and_the_first_of_equals(rng):
    x = rng.integers(0, 3, (2, 3, 9, 8)).astype(np.float64)
    x[rng.random(x.shape) < 0.2] = np.nan
    x[rng.random(x.shape) < 0.3] = -np.inf
    geometry = (3, 2), (1, 2), (1, 1), (2, 1), True, True
    y, indices = reference.max_pool(x, *geometry)
    y_torch, indices_torch = torch_max_pool(torch.tensor(x), *geometry)
    np.testing.assert_array_equal(y, y_torch.numpy())
    np.testing.assert_array_equal(indices, indices_torch.numpy())


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_special_values_of_cross_entropy(reduction, smoothing, weighted, rng):
    x = rng.standard_normal((6, 5))
    x[0, 1] = x[1, 2] = -np.inf
    x[2, 3] = np.inf
    x[3, 0] = np.nan
    for target in (np.array([1, 0, 3, 0, 4, -100]), np.full(6, -100), np.array([0, 0, -100, -100, 1, 2])):
        args = [x, target, rng.uniform(0.5, 2, 5) if weighted else None, -100, reduction, smoothing]
        tensors = [as_tensor(a, False) for a in args]
        np.testing.assert_allclose(
            reference.cross_entropy(*args), TORCH["cross_entropy"](*tensors).numpy(), rtol=1e-12, err_msg=str(target)
        )
