"""The ops registered with torch: opcheck, torch.compile and torch.export."""

import numpy as np
import pytest

import fastnets.functional as F
from fastnets import backends
from fastnets.cases import CASES

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
from fastnets.torch import ops  # noqa: E402

OPS = list(backends.OPS.values())


@pytest.fixture
def draw(rng):
    """Fresh normal tensors that require grad, float64 by default."""

    def draw(*shape, dtype=torch.float64, grad=True):
        return torch.from_numpy(rng.standard_normal(shape)).to(dtype).requires_grad_(grad)

    return draw


def arguments_of(op, number, rng, grad):
    """Arguments of the registered op for one of its cases."""
    made = []
    for value in CASES[op.name][number].draw(rng, "float32"):
        if isinstance(value, np.ndarray):
            value = torch.from_numpy(np.array(value) if not value.flags.writeable else value)
            value.requires_grad_(grad and value.is_floating_point())
        made.append(list(value) if isinstance(value, tuple) else value)
    n = len(op.inputs)
    return made[:n] + [ops._seed(v) if t == "Tensor" else v for v, t in zip(made[n:], op.parameter_types, strict=True)]


def small_cases(op):
    """The first case, and the first of every other layout that torch has."""
    found = {}
    for number, case in enumerate(CASES[op.name]):
        arrays = [a for a in case.inputs if a is not None]
        layout = arrays[0].layout
        if layout not in ("negative", "readonly") and max(np.prod(a.shape) for a in arrays) < 3000:
            found.setdefault((layout, 0 in arrays[0].shape), number)
    return list(found.values())[:3]


@pytest.mark.parametrize("op, number", [pytest.param(o, n, id=f"{o.name} {n}") for o in OPS for n in small_cases(o)])
def test_opcheck(op, number, rng):
    arguments = arguments_of(op, number, rng, grad=True)
    forward = getattr(torch.ops.fastnets, op.name).default
    torch.library.opcheck(forward, (*arguments, True))
    plain = [a.detach() if isinstance(a, torch.Tensor) else a for a in arguments]
    made = forward(*plain, True)
    if not any(op.has_gradient):
        return
    made = list(made[: len(op.outputs) + len(op.saved)]) if isinstance(made, (tuple, list)) else [made]
    outputs = [y for y, has_gradient in zip(made, op.has_gradient, strict=False) if has_gradient]
    gradients = [None if y.dtype is torch.uint8 else torch.randn_like(y) for y in outputs]
    wanted = [a is not None and a.is_floating_point() for a in plain[: len(op.inputs)]]
    wanted = [w for w, d in zip(wanted, op.differentiable, strict=True) if d]
    backward = getattr(torch.ops.fastnets, op.name + "_backward").default
    torch.library.opcheck(backward, (*gradients, *plain, *made, wanted))


def compiled(function):
    torch._dynamo.reset()
    return torch.compile(function, fullgraph=True, backend="aot_eager")


def test_compile_with_gradients(draw):
    def function(x, weight, image, kernel):
        y = F.linear(x, weight, activation="gelu").sin()
        return y.sum() + F.max_pool2d(F.conv2d(image, kernel, padding="same", activation="relu"), 2).square().sum()

    given = (draw(2, 5), draw(4, 5), draw(2, 3, 8, 6), draw(4, 3, 3, 3))
    gradients = torch.autograd.grad(compiled(function)(*given), given)
    torch.testing.assert_close(gradients, torch.autograd.grad(function(*given), given))


def test_compile_of_losses_and_activations(draw):
    targets = torch.tensor([1, 0])

    def function(x):
        return F.cross_entropy(F.relu(x) + F.silu(x), targets)

    x = draw(2, 5)
    gradient = torch.autograd.grad(compiled(function)(x), x)
    torch.testing.assert_close(gradient, torch.autograd.grad(function(x), x))


def test_compile_updates_statistics_once(draw):
    x, weight, bias = draw(4, 3, 5), draw(3), draw(3)

    def function(x, weight, bias, *running):
        return F.batch_norm(x, *running, weight, bias, training=True).square().sum()

    seen = []
    for f in (compiled(function), function):
        running = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
        gradients = torch.autograd.grad(f(x, weight, bias, *running), (x, weight, bias))
        seen.append((*gradients, *running))
    torch.testing.assert_close(*seen)
    assert seen[0][-1].ne(1).all()


def test_compile_keeps_sizes_symbolic(draw):
    weight, kernel = draw(4, 5, grad=False), draw(4, 3, 3, 3, grad=False)
    graphs = []

    def backend(module, inputs):
        graphs.append(module)
        return module.forward

    torch._dynamo.reset()
    function = torch.compile(
        lambda x, image: (F.linear(x, weight), F.conv2d(image, kernel, padding=1)), fullgraph=True, backend=backend
    )
    for n in (2, 3, 5, 9):
        y, z = function(draw(n, 5, grad=False), draw(n, 3, 7 + n, 8, grad=False))
        assert y.shape == (n, 4) and z.shape == (n, 4, 7 + n, 8)
    assert len(graphs) <= 3


def test_compile_draws_seeds_anew():
    x = torch.ones(1000)
    function = compiled(lambda x: F.dropout(x, 0.5))
    torch.manual_seed(1)
    first, second = function(x), function(x)
    torch.manual_seed(1)
    assert torch.equal(function(x), first) and not torch.equal(first, second)
    seeded = compiled(lambda x: F.dropout(x, 0.5, seed=7))
    assert torch.equal(seeded(x), F.dropout(x, 0.5, seed=7))


@pytest.mark.parametrize("strict", [False, True])
def test_export(strict, draw):
    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(draw(4, 5).detach())

        def forward(self, x):
            return F.linear(x, self.weight, activation="relu")

    module = Module()
    shapes = ({0: torch.export.Dim("n")},)
    exported = torch.export.export(module, (draw(3, 5, grad=False),), dynamic_shapes=shapes, strict=strict)
    assert any(node.target is torch.ops.fastnets.linear.default for node in exported.graph.nodes)
    x = draw(7, 5, grad=False)
    torch.testing.assert_close(exported.module()(x), module(x))
