"""Layers against torch.nn: the same repr, keys and shapes, states exchanged both ways, forward and gradients."""

import numpy as np
import pytest

import fastnets as fn
from fastnets import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")

# layer, its constructor's arguments, shape of the input
LAYERS = [
    ("Linear", (3, 4), {}, (5, 3)),
    ("Linear", (3, 4, False), {}, (2, 5, 3)),
    ("Linear", (3, 4), {}, (3,)),
    ("Conv1d", (3, 4, 3), {}, (2, 3, 9)),
    ("Conv1d", (4, 6, 2, 2, 1, 2, 2, False), {}, (2, 4, 9)),
    ("Conv2d", (3, 4, 3), {"padding": 1}, (2, 3, 7, 6)),
    ("Conv2d", (3, 4, (3, 2), (2, 1), (1, 0)), {"dilation": (1, 2)}, (2, 3, 7, 6)),
    ("Conv2d", (4, 4, 3), {"groups": 4, "bias": False}, (4, 7, 6)),
    ("Conv2d", (3, 4, 4), {"padding": "same"}, (2, 3, 7, 6)),
    ("Conv2d", (3, 4, 3), {"padding": "valid"}, (2, 3, 7, 6)),
    ("Conv2d", (3, 4, 3), {"padding": 2, "padding_mode": "reflect"}, (2, 3, 7, 6)),
    ("Conv2d", (3, 4, 3), {"padding": 1, "padding_mode": "replicate"}, (2, 3, 7, 6)),
    ("Conv2d", (3, 4, 3), {"padding": (2, 1), "padding_mode": "circular"}, (2, 3, 7, 6)),
    ("Conv3d", (2, 3, 2), {"stride": 2, "padding": 1}, (2, 2, 5, 4, 3)),
    ("ConvTranspose1d", (3, 4, 3), {}, (2, 3, 9)),
    ("ConvTranspose1d", (4, 6, 2, 2, 1, 1, 2, False, 3), {}, (2, 4, 9)),
    ("ConvTranspose2d", (3, 4, 3), {"stride": 2, "padding": 1, "output_padding": (1, 0)}, (2, 3, 7, 6)),
    ("ConvTranspose2d", (4, 4, 3), {"groups": 4, "bias": False}, (4, 7, 6)),
    ("ConvTranspose3d", (2, 3, 2), {"stride": 2, "padding": 1, "dilation": 3}, (2, 2, 5, 4, 3)),
    ("MaxPool1d", (2,), {}, (2, 3, 9)),
    ("MaxPool2d", (3, 2, 1), {}, (2, 3, 7, 6)),
    ("MaxPool2d", ((2, 3),), {"stride": (1, 2), "dilation": (2, 1), "ceil_mode": True}, (2, 3, 7, 8)),
    ("MaxPool3d", (2,), {"ceil_mode": True}, (2, 2, 5, 4, 3)),
    ("AvgPool1d", (2,), {}, (2, 3, 9)),
    ("AvgPool1d", (3, 2, 1), {"ceil_mode": True, "count_include_pad": False}, (2, 3, 9)),
    ("AvgPool2d", (3, 2, 1), {}, (2, 3, 7, 6)),
    ("AvgPool2d", ((2, 3), (1, 2), (1, 0), True, False, 5), {}, (2, 3, 7, 8)),
    ("AvgPool3d", (2,), {"ceil_mode": True}, (2, 2, 5, 4, 3)),
    ("AdaptiveAvgPool1d", (4,), {}, (2, 3, 9)),
    ("AdaptiveAvgPool2d", (1,), {}, (2, 3, 7, 6)),
    ("AdaptiveAvgPool2d", ((None, 3),), {}, (2, 3, 7, 6)),
    ("AdaptiveAvgPool3d", ((2, None, 1),), {}, (2, 2, 5, 4, 3)),
    ("AdaptiveMaxPool2d", ((3, None),), {}, (2, 3, 7, 6)),
    ("GroupNorm", (2, 6), {}, (2, 6, 5, 4)),
    ("GroupNorm", (3, 6, 1e-3), {"bias": False}, (2, 6, 5)),
    ("GroupNorm", (1, 6), {"affine": False}, (2, 6)),
    ("LayerNorm", (4,), {}, (2, 3, 4)),
    ("LayerNorm", ([3, 4], 1e-3), {"bias": False}, (2, 3, 4)),
    ("LayerNorm", (4,), {"elementwise_affine": False}, (3, 4)),
    ("RMSNorm", (4,), {}, (2, 3, 4)),
    ("RMSNorm", ((3, 4), 1e-3, False), {}, (2, 3, 4)),
    ("ReLU", (), {}, (3, 4)),
    ("ReLU", (), {"inplace": False}, (3, 4)),
    ("GELU", (), {}, (3, 4)),
    ("GELU", ("tanh",), {}, (3, 4)),
    ("SiLU", (), {}, (3, 4)),
    ("Tanh", (), {}, (3, 4)),
    ("Sigmoid", (), {}, (3, 4)),
    ("LeakyReLU", (), {}, (3, 4)),
    ("LeakyReLU", (0.3,), {}, (3, 4)),
    ("ELU", (), {}, (3, 4)),
    ("ELU", (0.5,), {}, (3, 4)),
    ("Softmax", (1,), {}, (3, 4)),
    ("Softmax", (), {"dim": -3}, (2, 3, 4)),
    ("LogSoftmax", (1,), {}, (3, 4, 5)),
    ("Dropout", (0.0,), {}, (3, 4)),
    ("Flatten", (), {}, (2, 3, 4)),
    ("Flatten", (0, 1), {}, (2, 3, 4)),
    ("Identity", (1, "x"), {"y": 2}, (3, 4)),
]


def close(found, expected, err_msg=""):
    """Float64 against float64; sums of at most a thousand terms of size one."""
    bound = 1e-12 * max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound, err_msg=err_msg)


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@pytest.mark.parametrize(("name", "args", "kwargs", "shape"), LAYERS)
def test_layers_are_torchs(name, args, kwargs, shape, rng):
    peer = getattr(torch.nn, name)(*args, **kwargs).to(torch.float64)
    layer = getattr(nn, name)(*args, **kwargs).to("float64")
    assert repr(layer) == repr(peer)
    assert {key: value.shape for key, value in layer.state_dict().items()} == {
        key: tuple(value.shape) for key, value in peer.state_dict().items()
    }
    layer.load_state_dict(peer.state_dict())

    x = rng.standard_normal(shape)
    x_peer = torch.tensor(x, requires_grad=True)
    y, backward = layer.vjp(x)
    y_peer = peer(x_peer)
    close(y, y_peer.detach().numpy())
    close(layer(x), y)
    close(layer.eval()(x), y)
    dy = rng.standard_normal(y.shape)
    dx, grads = backward(dy)
    y_peer.backward(torch.from_numpy(dy))
    close(dx, x_peer.grad.numpy())
    assert list(grads) == [key for key, _ in peer.named_parameters()]
    for key, parameter in peer.named_parameters():
        close(grads[key], parameter.grad.numpy(), key)


BATCH_NORMS = [
    ("BatchNorm1d", (3,), {}, (5, 3)),
    ("BatchNorm1d", (3, 1e-3, 0.3), {}, (5, 3, 4)),
    ("BatchNorm2d", (3,), {"momentum": None}, (4, 3, 5, 2)),
    ("BatchNorm2d", (3,), {"affine": False}, (4, 3, 5, 2)),
    ("BatchNorm2d", (3,), {"bias": False}, (4, 3, 5, 2)),
    ("BatchNorm2d", (3,), {"track_running_stats": False}, (4, 3, 5, 2)),
    ("BatchNorm3d", (3,), {"eps": 0.1}, (2, 3, 3, 2, 4)),
]


@pytest.mark.parametrize(("name", "args", "kwargs", "shape"), BATCH_NORMS)
def test_batch_norms_are_torchs(name, args, kwargs, shape, rng):
    """Training, with statistics that change from step to step, then evaluation."""
    peer = getattr(torch.nn, name)(*args, **kwargs).to(torch.float64)
    layer = getattr(nn, name)(*args, **kwargs).to("float64")
    assert repr(layer) == repr(peer)
    for key, value in peer.state_dict().items():
        np.testing.assert_array_equal(layer.state_dict()[key], value.numpy())
        assert str(layer.state_dict()[key].dtype) == str(value.dtype).removeprefix("torch.")
    for key, parameter in peer.named_parameters():
        torch.nn.init.normal_(parameter)
        layer.state_dict()[key][...] = parameter.detach().numpy()
    for step in range(4):
        if step == 3:
            layer.eval(), peer.eval()
        x, dy = 2 + rng.standard_normal(shape), rng.standard_normal(shape)
        x_peer = torch.tensor(x, requires_grad=True)
        if step == 1:  # a call counts as a batch too
            close(layer(x), peer(x_peer).detach().numpy())
        y, backward = layer.vjp(x)
        y_peer = peer(x_peer)
        close(y, y_peer.detach().numpy())
        dx, grads = backward(dy)
        pulled = torch.autograd.grad(y_peer, [x_peer, *peer.parameters()], torch.from_numpy(dy))
        for gradient, expected in zip([dx, *grads.values()], pulled, strict=True):
            close(gradient, expected.numpy())
        assert list(layer.state_dict()) == list(peer.state_dict())
        for key, value in peer.state_dict().items():
            close(layer.state_dict()[key], value.numpy(), key)


def test_batch_norm_moves_with_its_buffers(rng):
    layer = nn.BatchNorm2d(3).to("torch", "bfloat16")
    layer(torch.ones(2, 3, 4, 4, dtype=torch.bfloat16))
    assert layer.running_mean.dtype == torch.bfloat16 and layer.num_batches_tracked.dtype == torch.int64
    layer.to("numpy", "float32")
    layer.load_state_dict(torch.nn.BatchNorm2d(3).state_dict())
    assert layer.num_batches_tracked.shape == () and layer.num_batches_tracked == 0 and layer.running_mean.max() == 0
    for wrong in (np.ones((2, 3, 4), np.float32), np.ones((1, 3, 1, 1), np.float32)):
        with pytest.raises(ValueError, match="input"):
            layer(wrong)
    assert layer.num_batches_tracked == 0


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reduction": "sum"},
        {"reduction": "none"},
        {"label_smoothing": 0.1},
        {"ignore_index": 2},
        {"weight": [0.5, 1.0, 2.0, 0.0]},
    ],
)
def test_cross_entropy_loss_is_torchs(options, rng):
    logits, target = rng.standard_normal((6, 4)), np.array([0, 1, 2, 2, 1, 0])
    own, peers = dict(options), dict(options)
    if "weight" in options:
        own["weight"], peers["weight"] = np.array(options["weight"]), torch.tensor(options["weight"]).double()
    peer = torch.nn.CrossEntropyLoss(**peers)
    layer = nn.CrossEntropyLoss(**own)
    assert list(layer.state_dict()) == list(peer.state_dict())
    logits_peer = torch.tensor(logits, requires_grad=True)
    loss, backward = layer.vjp(logits, target)
    loss_peer = peer(logits_peer, torch.from_numpy(target))
    close(loss, loss_peer.detach().numpy())
    (dlogits, _), _ = backward(np.ones_like(loss))
    loss_peer.backward(torch.ones_like(loss_peer))
    close(dlogits, logits_peer.grad.numpy())


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "name, buffers",
    [("NLLLoss", {}), ("NLLLoss", {"weight": 4}), ("MSELoss", {}), ("BCEWithLogitsLoss", {}),
     ("BCEWithLogitsLoss", {"weight": 4, "pos_weight": 4})],
)  # fmt: skip
def test_losses_are_torchs(name, buffers, reduction, rng):
    values = {key: rng.uniform(0.5, 2.0, size) for key, size in buffers.items()}
    peer = getattr(torch.nn, name)(reduction=reduction, **{k: torch.from_numpy(v) for k, v in values.items()})
    layer = getattr(nn, name)(reduction=reduction, **values)
    assert repr(layer) == repr(peer) and list(layer.state_dict()) == list(peer.state_dict())
    x, t = rng.standard_normal((6, 4)), rng.random((6, 4))
    if name == "NLLLoss":
        t = np.array([0, 1, 2, 3, -100, 0])
    peers = [torch.tensor(a).requires_grad_(a.dtype == np.float64) for a in (x, t)]
    loss, backward = layer.vjp(x, t)
    loss_peer = peer(*peers)
    close(loss, loss_peer.detach().numpy())
    dy = rng.standard_normal(loss.shape)
    gradients, _ = backward(np.asarray(dy))
    loss_peer.backward(torch.tensor(dy))
    for gradient, tensor in zip(gradients, peers, strict=True):
        if tensor.requires_grad:
            close(gradient, tensor.grad.numpy())
        else:
            assert gradient is None


@pytest.mark.parametrize(
    "options",
    [{}, {"padding_idx": 2}, {"padding_idx": -1, "scale_grad_by_freq": True}, {"_weight": 7}, {"dtype": "float64"}],
)
def test_embedding_is_torchs(options, rng):
    own, peers = dict(options), dict(options)
    if "_weight" in options:
        own["_weight"] = rng.standard_normal((7, 3))
        peers["_weight"] = torch.from_numpy(own["_weight"])
    if "dtype" in options:
        peers["dtype"] = torch.float64
    layer, peer = nn.Embedding(7, 3, **own).to("float64"), torch.nn.Embedding(7, 3, **peers).to(torch.float64)
    assert repr(layer) == repr(peer) and layer.padding_idx == peer.padding_idx
    if peer.padding_idx is not None:
        assert not layer.weight[layer.padding_idx].any() and layer.weight.any()
    layer.load_state_dict(peer.state_dict())
    ids = rng.integers(0, 7, (5, 4))
    y, backward = layer.vjp(ids)
    y_peer = peer(torch.from_numpy(ids))
    close(y, y_peer.detach().numpy())
    dy = rng.standard_normal(y.shape)
    dx, grads = backward(dy)
    y_peer.backward(torch.from_numpy(dy))
    assert dx is None and list(grads) == ["weight"]
    close(grads["weight"], peer.weight.grad.numpy())


def test_embedding_from_pretrained(rng):
    table = rng.standard_normal((4, 3)).astype(np.float32)
    frozen, trained = nn.Embedding.from_pretrained(table), nn.Embedding.from_pretrained(table, freeze=False)
    assert list(frozen.state_dict()) == list(trained.state_dict()) == ["weight"]
    assert not list(frozen.parameters()) and len(list(trained.parameters())) == 1
    ids = np.array([3, 0])
    y, backward = frozen.vjp(ids)
    np.testing.assert_array_equal(y, table[ids])
    assert backward(np.ones_like(y)) == (None, {})


def test_pooling_returns_torchs_indices(rng):
    x = rng.standard_normal((2, 3, 7, 6))
    layer, peer = nn.MaxPool2d(3, 2, 1, 1, True), torch.nn.MaxPool2d(3, 2, 1, 1, True)
    (y, indices), backward = layer.vjp(x)
    y_peer, indices_peer = peer(torch.from_numpy(x))
    close(y, y_peer.numpy())
    np.testing.assert_array_equal(indices, indices_peer.numpy())
    dx, _ = backward((np.ones_like(y), None))
    assert dx.sum() == y.size


def test_transposed_convolutions_take_torchs_output_size(rng):
    x = rng.standard_normal((2, 3, 5, 4))
    peer = torch.nn.ConvTranspose2d(3, 4, 3, stride=(2, 3), padding=1, dtype=torch.float64)
    layer = nn.ConvTranspose2d(3, 4, 3, stride=(2, 3), padding=1).to("float64")
    layer.load_state_dict(peer.state_dict())
    for size in ((10, 11), (9, 12), (2, 4, 10, 10)):
        close(layer(x, size), peer(torch.from_numpy(x), size).detach().numpy())
        y, backward = layer.vjp(x, output_size=size)
        assert backward(np.ones_like(y))[0].shape == x.shape
    for size in ((8, 10), (11, 10), (10,)):
        with pytest.raises(ValueError, match=r"ConvTranspose2d: output_size is \(.* expected"):
            layer(x, size)
        with pytest.raises(ValueError):
            peer(torch.from_numpy(x), size)


def both():
    def build(layers):
        return layers.Sequential(
            layers.Conv2d(1, 4, 3, padding=1),
            layers.ReLU(),
            layers.MaxPool2d(2),
            layers.Flatten(),
            layers.Linear(64, 8),
            layers.SiLU(),
            layers.Linear(8, 3),
        )

    return build(nn), build(torch.nn)


def test_models_exchange_their_states_both_ways():
    model, peer = both()
    assert repr(model) == repr(peer)
    peer.load_state_dict({key: torch.from_numpy(value) for key, value in model.state_dict().items()})
    for key, value in peer.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[key], value.numpy())
    other = both()[1].to(torch.bfloat16)
    model.load_state_dict(other.state_dict())
    for key, value in other.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[key], value.float().numpy())


def test_three_training_steps_are_torchs(rng):
    model, peer = both()
    model.to("float64")
    peer.to(torch.float64).load_state_dict({key: torch.tensor(value) for key, value in model.state_dict().items()})
    optimizer = fn.optim.AdamW(model, lr=1e-2, weight_decay=0.1)
    optimizer_peer = torch.optim.AdamW(peer.parameters(), lr=1e-2, weight_decay=0.1)
    loss_layer, loss_peer = nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss()
    for _ in range(3):
        x, labels = rng.standard_normal((5, 1, 8, 8)), rng.integers(0, 3, 5)
        logits, backward = model.vjp(x, input_gradient=False)
        loss, loss_backward = loss_layer.vjp(logits, labels)
        (dlogits, _), _ = loss_backward(np.ones_like(loss))
        optimizer.step(backward(dlogits)[1])
        optimizer_peer.zero_grad()
        loss_torch = loss_peer(peer(torch.from_numpy(x)), torch.from_numpy(labels))
        loss_torch.backward()
        optimizer_peer.step()
        close(loss, loss_torch.detach().numpy())
    for key, value in peer.state_dict().items():
        # Adam divides by √v: where a gradient is near 0, a difference in its last bits is a difference in the step's
        np.testing.assert_allclose(model.state_dict()[key], value.numpy(), rtol=0, atol=1e-8, err_msg=key)


def test_models_move_to_torch_and_back(rng):
    model, _ = both()
    x = rng.standard_normal((2, 1, 8, 8)).astype(np.float32)
    y = model(x)
    before = {key: value.copy() for key, value in model.state_dict().items()}
    assert model.to("torch") is model
    assert all(isinstance(value, torch.Tensor) for value in model.state_dict().values())
    y_torch, backward = model.vjp(torch.from_numpy(x))
    np.testing.assert_array_equal(y_torch.numpy(), y)
    dx, grads = backward(torch.ones_like(y_torch))
    assert isinstance(dx, torch.Tensor) and list(grads) == list(before)
    fn.optim.AdamW(model).step(grads)
    model.load_state_dict(before)
    np.testing.assert_array_equal(model.eval()(torch.from_numpy(x)).numpy(), y)
    model.train().to(torch.bfloat16).to("numpy", "float32")
    for key, value in model.state_dict().items():
        assert isinstance(value, np.ndarray)
        np.testing.assert_allclose(value, before[key], rtol=2**-8)


def test_flops_are_those_that_torch_counts(rng):
    from torch.utils.flop_counter import FlopCounterMode

    model, peer = both()
    with FlopCounterMode(display=False) as counter:
        peer(torch.zeros(5, 1, 8, 8))
    assert model.summary((5, 1, 8, 8)).flops == counter.get_total_flops()
    with FlopCounterMode(display=False) as counter:
        torch.nn.ConvTranspose2d(4, 6, 3, 2, groups=2)(torch.zeros(5, 4, 8, 8))
    assert nn.ConvTranspose2d(4, 6, 3, 2, groups=2).summary((5, 4, 8, 8)).flops == counter.get_total_flops()
