"""Optimizers, clipping and loss scaling against torch: their arguments, and what they do over several steps."""

import inspect

import ml_dtypes
import numpy as np
import pytest

from fastnets import optim

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")

SETTINGS = [
    ("SGD", {}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.2}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.2}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.8), "eps": 1e-3, "weight_decay": 0.2}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.2, "maximize": True}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.2, "decoupled_weight_decay": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "betas": (0.5, 0.8), "eps": 1e-3, "weight_decay": 0.2, "maximize": True}),
]


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_arguments_and_defaults_are_torchs(name):
    own = inspect.signature(getattr(optim, name)).parameters
    peers = inspect.signature(getattr(torch.optim, name)).parameters
    first, *rest = peers
    assert first == "params" and next(iter(own)) == "model_or_parameters"
    assert list(own)[1:] == [*rest, "groups"]
    for argument in rest:
        assert (own[argument].default, own[argument].kind) == (peers[argument].default, peers[argument].kind), argument


@pytest.mark.parametrize("name, settings", SETTINGS)
def test_ten_steps_are_torchs(name, settings, rng):
    values = {key: rng.standard_normal(shape) for key, shape in {"w": (5, 7), "b": (7,)}.items()}
    peers = {key: torch.tensor(value) for key, value in values.items()}
    optimizer = getattr(optim, name)(values, **settings)
    optimizer_peer = getattr(torch.optim, name)(list(peers.values()), **settings)
    for _ in range(10):
        gradients = {key: rng.standard_normal(value.shape) for key, value in values.items()}
        for key, peer in peers.items():
            peer.grad = torch.tensor(gradients[key])
        optimizer.step(gradients)
        optimizer_peer.step()
    for key, value in values.items():
        # some ten roundings a step, of numbers of size one; Adam divides by √v, which is of size one here too
        np.testing.assert_allclose(value, peers[key].numpy(), rtol=0, atol=1e-13, err_msg=key)


def test_a_momentum_that_starts_later_starts_with_the_gradient(rng):
    value, gradients = rng.standard_normal(5), rng.standard_normal((3, 5))
    peer = torch.tensor(value)
    optimizer = optim.SGD({"w": value}, lr=0.1, dampening=0.5)
    optimizer_peer = torch.optim.SGD([peer], lr=0.1, dampening=0.5)
    for i, gradient in enumerate(gradients):
        if i:
            optimizer.settings["momentum"] = optimizer_peer.param_groups[0]["momentum"] = 0.9
        peer.grad = torch.tensor(gradient)
        optimizer.step({"w": gradient})
        optimizer_peer.step()
    np.testing.assert_allclose(value, peer.numpy(), rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_torch_parameters_are_stepped_where_they_are(name, rng):
    values, gradients = rng.standard_normal(9).astype(np.float32), rng.standard_normal((3, 9)).astype(np.float32)
    peer = torch.tensor(values)
    settings = {"momentum": 0.9} if name == "SGD" else {}
    optimizers = [getattr(optim, name)({"w": array}, lr=0.1, **settings) for array in (values, peer)]
    for gradient in gradients:
        for optimizer, given in zip(optimizers, (gradient, torch.tensor(gradient)), strict=True):
            optimizer.step({"w": given})
    assert values.tobytes() == peer.numpy().tobytes()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_half_precision_takes_float32_gradients(name, dtype, rng):
    """The step is the float32 one of the master, whatever the gradient's dtype."""
    start = rng.standard_normal(33).astype(dtype)
    half, single = start.copy(), start.astype(np.float32)
    optimizers = [getattr(optim, name)({"w": array}, lr=0.1) for array in (half, single)]
    for _ in range(3):
        gradient = 1e-9 * rng.standard_normal(33).astype(np.float32)  # float16 has none of these
        for optimizer in optimizers:
            optimizer.step({"w": gradient})
    assert optimizers[0].state["w"].arrays["master"].tobytes() == single.tobytes()
    assert half.tobytes() == single.astype(dtype).tobytes()


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 2.5, np.inf])
@pytest.mark.parametrize("max_norm", [0.0, 0.5, 1e4])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_clip_grad_norm_is_torchs(norm_type, max_norm, library, rng):
    grads = {"w": rng.standard_normal((5, 7)), "b": rng.standard_normal(7), "frozen": None}
    before = {key: None if value is None else value.copy() for key, value in grads.items()}
    peers = [torch.zeros(value.shape) for value in grads.values() if value is not None]
    for peer, value in zip(peers, (v for v in grads.values() if v is not None), strict=True):
        peer.data = peer.data.double()
        peer.grad = torch.tensor(value)
    expected = torch.nn.utils.clip_grad_norm_(peers, max_norm, norm_type)
    given = grads if library == "numpy" else {k: None if v is None else torch.tensor(v) for k, v in grads.items()}
    clipped, norm = optim.clip_grad_norm(given, max_norm, norm_type)
    assert norm.shape == () and isinstance(norm, type(given["w"])) and list(clipped) == list(grads)
    np.testing.assert_allclose(float(norm), float(expected), rtol=1e-14)
    for key, peer in zip(("w", "b"), peers, strict=True):
        np.testing.assert_allclose(np.asarray(clipped[key]), peer.grad.numpy(), rtol=1e-13)
        np.testing.assert_array_equal(np.asarray(given[key]), before[key])
    assert clipped["frozen"] is None


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("norm_type", [1.0, 2.0, np.inf])
def test_a_norm_that_is_not_finite_clips_as_torchs(bad, norm_type, rng):
    gradient = rng.standard_normal(40).astype(np.float32)
    gradient[17] = bad
    peer = torch.zeros(40)
    peer.grad = torch.tensor(gradient)
    expected = torch.nn.utils.clip_grad_norm_([peer], 1.0, norm_type)
    clipped, norm = optim.clip_grad_norm([gradient], 1.0, norm_type)
    np.testing.assert_array_equal(norm, expected.numpy())
    np.testing.assert_array_equal(clipped[0], peer.grad.numpy())
    with pytest.raises(RuntimeError, match="clip_grad_norm: the norm of the gradients is"):
        optim.clip_grad_norm([gradient], 1.0, norm_type, error_if_nonfinite=True)


def test_the_scale_grows_and_backs_off_as_torchs():
    peer = torch.amp.GradScaler("cpu", init_scale=8.0, growth_factor=4.0, backoff_factor=0.25, growth_interval=2)
    scaler = optim.LossScaler(8.0, 4.0, 0.25, 2)
    parameter = torch.zeros(2, requires_grad=True)
    optimizer_peer, optimizer = torch.optim.SGD([parameter], lr=1.0), optim.SGD({"w": np.zeros(2, np.float32)}, lr=1.0)
    for overflows in [False, False, False, True, True, False, False, False]:
        gradient = np.array([1.0, np.inf if overflows else 2.0], np.float32)
        peer.scale(torch.zeros(()))
        parameter.grad = torch.tensor(gradient)
        peer.step(optimizer_peer)
        peer.update()
        assert scaler.step(optimizer, {"w": gradient}) is not overflows
        scaler.update()
        assert scaler.get_scale() == peer.get_scale()
        assert {key: float(value) for key, value in scaler.state_dict().items()} == peer.state_dict()
    other = optim.LossScaler()
    other.load_state_dict(peer.state_dict())
    assert other.state_dict() == scaler.state_dict()
