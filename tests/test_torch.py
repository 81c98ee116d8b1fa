"""The ops on torch tensors: autograd, functional transforms, and tensors of every kind."""

import functools

import numpy as np
import pytest

import fastnets
import fastnets.functional as F
from fastnets import backends

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
import fastnets.torch  # noqa: E402

ACTIVATIONS = (None, "relu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid")
TORCH_ACTIVATIONS = {
    None: lambda x: x,
    "relu": torch.relu,
    "gelu": torch.nn.functional.gelu,
    "gelu_tanh": functools.partial(torch.nn.functional.gelu, approximate="tanh"),
    "silu": torch.nn.functional.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}


@pytest.fixture
def draw(rng):
    """Fresh normal tensors that require grad, float64 by default."""

    def draw(*shape, dtype=torch.float64, grad=True):
        return torch.from_numpy(rng.standard_normal(shape)).to(dtype).requires_grad_(grad)

    return draw


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("options", ["", "bias", "residual", "bias residual"])
def test_linear_gradcheck(activation, options, draw):
    bias = draw(4) if "bias" in options else None
    residual = draw(2, 3, 4) if "residual" in options else None
    given = [draw(2, 3, 5), draw(4, 5), *(t for t in (bias, residual) if t is not None)]

    def function(input, weight, *rest):
        rest = iter(rest)
        bias = next(rest) if "bias" in options else None
        return F.linear(input, weight, bias, residual=next(rest, None), activation=activation)

    assert torch.autograd.gradcheck(function, given)


def test_conv_gradcheck(draw):
    x = draw(2, 3, 5, 4).detach().to(memory_format=torch.channels_last).requires_grad_()
    convolve = functools.partial(F.conv2d, stride=2, padding=1, activation="silu")
    assert torch.autograd.gradcheck(convolve, (x, draw(4, 3, 3, 3), draw(4)))
    assert torch.autograd.gradcheck(convolve, (x.detach(), draw(4, 3, 3, 3)))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5, 2)])
def test_batch_norm_gradcheck(training, shape, draw):
    running = draw(3, grad=False), draw(3, grad=False).square()

    def function(input, weight, bias):
        return F.batch_norm(input, *(r.clone() for r in running), weight, bias, training)

    assert torch.autograd.gradcheck(function, (draw(*shape), draw(3), draw(3)))
    assert torch.autograd.gradcheck(lambda x: function(x, None, None), (draw(*shape),))


def test_batch_norm_updates_once_and_may_update_again_before_backward(draw):
    x, other = draw(4, 3), draw(4, 3)
    running, expected = ([torch.zeros(3).double(), torch.ones(3).double()] for _ in range(2))
    peer = torch.nn.functional.batch_norm
    losses = [f(x, *r, training=True).sin().sum() for f, r in ((F.batch_norm, running), (peer, expected))]
    for f, r in ((F.batch_norm, running), (peer, expected)):
        f(other, *r, training=True)
    torch.testing.assert_close(torch.autograd.grad(losses[0], x), torch.autograd.grad(losses[1], x))
    torch.testing.assert_close(running, expected)


def test_an_update_is_seen_by_graphs_that_need_what_was_there(draw):
    x, mean, var = draw(4, 3), draw(3, grad=False), draw(3, grad=False).square()
    y = F.batch_norm(x, mean, var)
    F.batch_norm(x.detach(), mean, var, training=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_gradients_only_where_they_are_wanted(draw):
    x, weight, bias = draw(2, 5, grad=False), draw(4, 5), draw(4, grad=False)
    F.linear(x, weight, bias, activation="gelu").sum().backward()
    assert x.grad is None and bias.grad is None
    torch.testing.assert_close(
        weight.grad, torch.func.grad(lambda w: torch.nn.functional.gelu(x @ w.T + bias).sum())(weight.detach())
    )


def test_a_second_backward_says_that_there_is_none(draw):
    for function in (F.linear, lambda x, w: torch.ops.fastnets.linear(x, w, None, None, "gelu", True)[0]):
        x, weight = draw(2, 5), draw(4, 5)
        (gradient,) = torch.autograd.grad(function(x, weight).sum(), x, create_graph=True)
        assert gradient.requires_grad
        with pytest.raises(RuntimeError, match="linear: the backward of fastnets' ops cannot be differentiated again"):
            gradient.sum().backward()


def test_integer_outputs_do_not_require_grad(draw):
    values, indices = F.max_pool2d(draw(1, 2, 4, 4), 2, return_indices=True)
    assert values.requires_grad and not indices.requires_grad and indices.dtype == torch.int64


def test_vjp_refuses_to_drop_a_graph(draw):
    with pytest.raises(TypeError, match="linear: an input requires grad"):
        fastnets.vjp(F.linear, draw(2, 5), draw(4, 5))


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_forced_backend_is_recorded(backend, draw):
    x, weight = draw(2, 5), draw(4, 5)
    with fastnets.use_backend(backend):
        F.linear(x, weight).sum().backward()
    torch.testing.assert_close(x.grad, weight.detach().sum(0).expand(2, 5))


# --- tensors of every kind ---


def expect_linear(x, weight, bias=None, **tolerance):
    expected = torch.nn.functional.linear(x.double(), weight.double(), None if bias is None else bias.double())
    torch.testing.assert_close(F.linear(x, weight, bias).double(), expected, **tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_dtypes(dtype, draw):
    x, weight = draw(3, 8, dtype=dtype, grad=False), draw(5, 8, dtype=dtype, grad=False)
    y = F.linear(x, weight)
    assert y.dtype == dtype and type(y) is torch.Tensor
    expect_linear(x, weight, rtol=2e-2, atol=2e-2)


def test_strides(draw):
    weight = draw(5, 8, grad=False)
    for x in (
        draw(8, 3).T,
        draw(6, 8)[::2],
        draw(3, 16)[:, ::2],
        draw(8).expand(3, 8),
        draw(3, 1).expand(3, 8),
        draw(2, 0, 8),
        draw(8),
    ):
        expect_linear(x.detach(), weight)
        y = F.linear(x, weight)
        y.backward(torch.ones(1, dtype=y.dtype).expand(y.shape))
    for shape in ((1, 5, 8), (5, 8)):
        expect_linear(draw(2, 8), torch.nn.Parameter(draw(*shape).detach().view(5, 8)))


def test_channels_last_is_kept(draw):
    x = draw(2, 3, 8, 6, dtype=torch.float32).detach().to(memory_format=torch.channels_last).requires_grad_()
    weight = draw(4, 3, 3, 3, dtype=torch.float32)
    y = F.conv2d(x, weight, padding=1)
    assert y.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(y, torch.nn.functional.conv2d(x, weight, padding=1), rtol=1e-4, atol=1e-5)
    y.sum().backward()
    assert x.grad.is_contiguous(memory_format=torch.channels_last)


def test_saved_arrays_may_come_back_in_another_format(draw):
    x, weight = draw(2, 3, 8, 6).detach().to(memory_format=torch.channels_last).requires_grad_(), draw(4, 3, 3, 3)
    gradients = []
    for pack in (
        lambda t: t,
        lambda t: t.contiguous(),
        lambda t: t.double().clone(memory_format=torch.preserve_format),
    ):
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            y = F.conv2d(x, weight, activation="gelu")
        gradients.append(torch.autograd.grad(y.square().sum(), (x, weight)))
    for other in gradients[1:]:
        torch.testing.assert_close(other, gradients[0])


def test_inference_mode_and_no_grad(draw):
    x, weight = draw(2, 5), draw(4, 5)
    with torch.inference_mode():
        assert F.linear(x, weight).is_inference()
    with torch.no_grad():
        assert not F.linear(x, weight).requires_grad
    leaf = F.linear(x * 2, weight)
    assert leaf.requires_grad and not leaf.is_leaf


def test_lazily_negated(draw):
    z = torch.complex(draw(3, 8, grad=False), draw(3, 8, grad=False))
    weight = draw(5, 8, grad=False)
    expect_linear(z.conj().imag, weight)
    expect_linear(z.conj().imag[:1, :1], weight[:, :1])
    expect_linear(z.real, weight)
    expect_linear(torch._efficientzerotensor((2, 8)).double(), weight)


def test_meta(draw):
    y = F.conv2d(torch.empty(2, 3, 8, 8, device="meta"), torch.empty(4, 3, 3, 3, device="meta"), padding=1)
    assert y.device.type == "meta" and y.shape == (2, 4, 8, 8)
    with pytest.raises(ValueError, match=r"linear: input .* has 5 features"):
        F.linear(torch.empty(2, 5, device="meta"), torch.empty(3, 4, device="meta"))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: torch.ones(2, 4).to_sparse(), "layout torch.sparse_coo"),
        (lambda: torch.ones(2, 4).to_sparse_csr(), "layout torch.sparse_csr"),
        (lambda: torch.ones(2, 4).to_mkldnn(), "layout torch._mkldnn"),
        (lambda: torch.quantize_per_tensor(torch.ones(2, 4), 0.1, 0, torch.qint8), "quantized"),
        (lambda: torch.nested.nested_tensor([torch.ones(2, 4)]), "nested"),
        (lambda: torch.ones(2, 4, dtype=torch.complex64), "complex64"),
        (lambda: torch.ones(2, 4, dtype=torch.complex64).conj(), "complex64"),
        (lambda: torch.ones(2, 4).to(torch.float8_e4m3fn), "which is not served|float8"),
        (lambda: torch.ones(2, 4, dtype=torch.uint8), "uint8"),
        (lambda: torch.nn.UninitializedParameter(), "uninitialized"),
        (lambda: np.ones((2, 4), np.float32), "one library"),
        (lambda: [[1.0] * 4], "must be"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_is_not_served(make, message):
    with pytest.raises(TypeError, match=rf"linear: .*({message})"):
        F.linear(make(), torch.ones(3, 4))


# --- what stands between a tensor and its memory ---


class Subclass(torch.Tensor):
    pass


def test_subclasses(draw):
    x, weight = draw(2, 5), draw(4, 5)
    y = F.linear(x.as_subclass(Subclass), weight, activation="gelu")
    assert type(y) is Subclass
    gradient = torch.autograd.grad(y.sum().as_subclass(torch.Tensor), weight)
    expected = torch.autograd.grad(F.linear(x, weight, activation="gelu").sum(), weight)
    torch.testing.assert_close(gradient, expected)


def test_dispatch_modes_see_the_ops(draw):
    from torch.utils._python_dispatch import TorchDispatchMode

    seen = []

    class Log(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
            seen.append(str(function))
            return function(*arguments, **(keywords or {}))

    with Log():
        F.linear(draw(2, 5), draw(4, 5)).sum().backward()
    assert "fastnets.linear.default" in seen and "fastnets.linear_backward.default" in seen


def test_fake_tensors():
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        assert F.linear(torch.empty(2, 5), torch.empty(4, 5), activation="gelu").shape == (2, 4)


@pytest.mark.filterwarnings("ignore:.*batching rule:UserWarning")
@pytest.mark.parametrize("activation", [None, "gelu"])
def test_functional_transforms(activation, draw):
    from torch import func

    x, weight = draw(3, 5, grad=False), draw(4, 5, grad=False)

    def ours(x, weight):
        return F.linear(x, weight, activation=activation).square().sum()

    def theirs(x, weight):
        return TORCH_ACTIVATIONS[activation](torch.nn.functional.linear(x, weight)).square().sum()

    for transform in (
        lambda f: func.grad(f, (0, 1)),
        lambda f: func.vmap(func.grad(f, (0, 1)), (0, None)),
        lambda f: func.jacrev(f, (0, 1)),
        lambda f: func.vmap(f, (0, None)),
    ):
        torch.testing.assert_close(transform(ours)(x, weight), transform(theirs)(x, weight))
    for transform in (func.jacfwd, func.hessian):
        with pytest.raises((TypeError, RuntimeError)):
            transform(ours)(x, weight)


def test_forward_differentiation_is_refused(draw):
    import torch.autograd.forward_ad as forward_ad

    x, weight = draw(2, 5, grad=False), draw(4, 5, grad=False)
    with forward_ad.dual_level():
        with pytest.raises(TypeError, match="linear: input is a dual tensor"):
            F.linear(forward_ad.make_dual(x, x), weight)
        F.linear(x, weight)


def test_without_the_exchange_interface(draw, monkeypatch):
    """As in torch before 2.10: through NumPy."""
    from fastnets import _cpu

    x, weight = draw(2, 5), draw(4, 5)
    expected = torch.autograd.grad(F.linear(x, weight, activation="gelu").sum(), (x, weight))
    depth, changed = torch._C._len_torch_dispatch_stack, torch.autograd.graph.increment_version
    hooks = (torch.is_grad_enabled, depth, changed, vars(torch.autograd.forward_ad))
    monkeypatch.setattr(backends, "DIRECT", {"numpy"})
    assert not _cpu.set_torch_types((), *hooks)
    try:
        y = F.linear(x, weight, activation="gelu")
        assert type(y) is torch.Tensor
        torch.testing.assert_close(torch.autograd.grad(y.sum(), (x, weight)), expected)
        half = x.detach().to(torch.bfloat16)
        assert F.relu(half).dtype == torch.bfloat16
        with torch.no_grad():
            assert F.linear(x, weight).shape == (2, 4)
    finally:
        assert _cpu.set_torch_types((torch.Tensor, torch.nn.Parameter), *hooks)
