"""The float64 references against PyTorch in float64, on the shared cases, to the bounds that backends are held to."""

import numpy as np
import pytest

from fastnets import reference
from fastnets.backends import OPS
from fastnets.cases import CASES, tolerances
from fastnets.cases.trial import draw_gradients

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
from torch_peers import TORCH, serves  # noqa: E402
from torch_peers.activations import torch_activation  # noqa: E402
from torch_peers.pooling import torch_max_pool  # noqa: E402

F = torch.nn.functional


def as_tuple(outputs):
    return outputs if isinstance(outputs, tuple) else (outputs,)


def as_tensor(a, differentiable):
    if not isinstance(a, np.ndarray):
        return a
    tensor = torch.tensor(np.ascontiguousarray(a).reshape(a.shape))
    return tensor.requires_grad_() if differentiable else tensor


def is_differentiable(op, place, a):
    is_input = place < len(OPS[op].inputs)
    return is_input and OPS[op].differentiable[place] and isinstance(a, np.ndarray) and a.dtype == np.float64


def assert_within(actual, expected, bound, what):
    if expected is None:
        assert actual is None, what
        return
    actual = actual.detach().numpy()
    assert actual.shape == expected.shape, what
    ratio = tolerances.error_over_bound(actual, expected, bound)
    assert (ratio <= 1).all(), f"{what}: {ratio.max():.3g} times the bound\n{actual}\nexpected\n{expected}"


ALL = [case for cases in CASES.values() for case in cases if case.op in TORCH and serves(case)]


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.op} {case}")
def test_reference_is_torch(case, rng, seed):
    op, args = case.op, case.draw(rng, "float64")
    expected = as_tuple(getattr(reference, op)(*args))
    tensors = [as_tensor(a, is_differentiable(op, i, a)) for i, a in enumerate(args)]
    outputs = as_tuple(TORCH[op](*tensors))
    for y, y_expected, bound in zip(outputs, expected, tolerances.bound(op, args, expected), strict=True):
        assert_within(y, y_expected, bound, f"seed {seed}, {op} {case}")

    grads = draw_gradients(case, args, expected, rng)
    expected_gradients = getattr(reference, op + "_backward")(*grads, *args)
    bounds = tolerances.bound_backward(op, grads, args, expected_gradients)
    pulled = [(y, torch.tensor(np.array(dy))) for y, dy in zip(outputs, grads, strict=False) if dy is not None]
    torch.autograd.backward(*map(list, zip(*pulled, strict=True)))
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


@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("pos_weight", [None, 0.5, 2.0])
def test_special_values_of_binary_cross_entropy(target, pos_weight):
    x = torch.tensor([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e300, -1e300, 40.0], dtype=torch.float64, requires_grad=True)
    t = torch.full(x.shape, target, dtype=torch.float64, requires_grad=True)
    p = None if pos_weight is None else torch.tensor(pos_weight, dtype=torch.float64)
    y = TORCH["binary_cross_entropy_with_logits"](x, t, None, p, "none")
    y.backward(torch.ones_like(y))
    args = x.detach().numpy(), t.detach().numpy(), None, None if p is None else p.numpy(), "none"
    np.testing.assert_allclose(
        reference.binary_cross_entropy_with_logits(*args), y.detach().numpy(), rtol=1e-12, atol=1e-14
    )
    dx, dt, _, _ = reference.binary_cross_entropy_with_logits_backward(np.ones(len(x)), *args)
    np.testing.assert_allclose(dx, x.grad.numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(dt, t.grad.numpy(), rtol=1e-12)


def test_far_logits_keep_their_digits():
    """Where torch's loss is x − x, or off by a rounding of x."""
    loss = reference.binary_cross_entropy_with_logits([-50.0, 50.0], [0.0, 1.0], None, None, "none")
    np.testing.assert_allclose(loss, np.exp(-50.0), rtol=1e-14)
