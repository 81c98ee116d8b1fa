"""Recurrent layers against torch.nn: several layers and directions, states, packed sequences, forward and gradients."""

import numpy as np
import pytest

import fastnets
import fastnets.functional as F
from fastnets import nn
from fastnets.cases.trial import rows

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence  # noqa: E402

T, B, N, H = 6, 4, 5, 7
LAYERS = [
    ("RNN", (), {}),
    ("RNN", (2, "relu"), {"bias": False}),
    ("RNN", (3,), {"bidirectional": True, "batch_first": True}),
    ("GRU", (), {}),
    ("GRU", (2, True, True), {"bidirectional": True}),
    ("GRU", (3,), {"bias": False, "dropout": 0.0}),
    ("LSTM", (), {}),
    ("LSTM", (3, False), {"bidirectional": True}),
    ("LSTM", (2,), {"batch_first": True, "proj_size": 3}),
    ("LSTM", (2,), {"bidirectional": True, "proj_size": 4, "batch_first": True}),
]
LENGTHS = [None, (6, 2, 5, 1), (3, 3, 6, 4)]


def close(found, expected, what=""):
    """Float64 against float64; some steps of sums of a few dozen terms of size one."""
    expected = expected.detach().numpy()
    bound = 1e-11 * max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound, err_msg=what)


def leaves(value):
    return [leaf for each in value for leaf in leaves(each)] if isinstance(value, tuple) else [value]


def both(name, args, kwargs):
    peer = getattr(torch.nn, name)(N, H, *args, **kwargs).to(torch.float64)
    layer = getattr(nn, name)(N, H, *args, **kwargs).to("float64")
    layer.load_state_dict(peer.state_dict())
    return layer, peer


def draw(peer, rng, is_batched=True):
    """An input and states as the layer takes them, and the same for torch."""
    batch = (B,) if is_batched else ()
    x = rng.standard_normal((*batch, T, N) if peer.batch_first else (T, *batch, N))
    count = peer.num_layers * (2 if peer.bidirectional else 1)
    states = [rng.standard_normal((count, *batch, size)) for size in (peer.proj_size or H, H)]
    state = tuple(states) if peer.mode == "LSTM" else states[0]
    given = [torch.tensor(a, requires_grad=True) for a in (x, *leaves(state))]
    return x, state, given[0], tuple(given[1:]) if peer.mode == "LSTM" else given[1]


def run_torch(peer, x, state, lengths):
    if lengths is None:
        return peer(x, state)
    packed = pack_padded_sequence(x, torch.tensor(lengths), peer.batch_first, enforce_sorted=False)
    made, state = peer(packed, state)
    return pad_packed_sequence(made, peer.batch_first, total_length=T)[0], state


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@pytest.mark.parametrize(("name", "args", "kwargs"), LAYERS)
def test_layers_are_torchs(name, args, kwargs, lengths, rng):
    layer, peer = both(name, args, kwargs)
    assert repr(layer) == repr(peer)
    assert {k: v.shape for k, v in layer.state_dict().items()} == {k: v.shape for k, v in peer.state_dict().items()}
    x, state, x_peer, state_peer = draw(peer, rng)
    given = {} if lengths is None else {"lengths": np.array(lengths)}
    made, backward = layer.vjp(x, state, **given)
    expected = run_torch(peer, x_peer, state_peer, lengths)
    for y, y_peer in zip(leaves(made), leaves(expected), strict=True):
        close(y, y_peer)
    for y, again in zip(leaves(made), leaves(layer.eval()(x, hx=state, **given)), strict=True):
        np.testing.assert_array_equal(y, again)

    grads = [rng.standard_normal(y.shape) for y in leaves(made)]
    torch.autograd.backward(leaves(expected), [torch.tensor(g) for g in grads])
    nested = (grads[0], tuple(grads[1:]) if name == "LSTM" else grads[1])
    (dx, dstate), dparameters = backward(nested)
    close(dx, x_peer.grad)
    for found, of_peer in zip(leaves(dstate), leaves(state_peer), strict=True):
        close(found, of_peer.grad)
    assert list(dparameters) == [key for key, _ in peer.named_parameters()]
    for key, parameter in peer.named_parameters():
        close(dparameters[key], parameter.grad, key)


@pytest.mark.parametrize(("name", "args", "kwargs"), LAYERS)
def test_without_batch_and_without_state(name, args, kwargs, rng):
    layer, peer = both(name, args, kwargs)
    x, state, x_peer, state_peer = draw(peer, rng, is_batched=False)
    for y, y_peer in zip(leaves(layer(x, state)), leaves(peer(x_peer, state_peer)), strict=True):
        close(y, y_peer)
    x, _, x_peer, _ = draw(peer, rng)
    made, backward = layer.vjp(x)
    expected = peer(x_peer)
    for y, y_peer in zip(leaves(made), leaves(expected), strict=True):
        close(y, y_peer)
    dx, _ = backward((np.ones_like(made[0]), None))
    expected[0].sum().backward()
    close(dx, x_peer.grad)


CELLS = [("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu"}), ("LSTMCell", {}), ("GRUCell", {})]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("name", "kwargs"), CELLS)
@pytest.mark.parametrize("batch", [(), (B,)])
def test_cells_are_torchs(name, kwargs, bias, batch, rng):
    peer = getattr(torch.nn, name)(N, H, bias, **kwargs).to(torch.float64)
    cell = getattr(nn, name)(N, H, bias, **kwargs).to("float64")
    assert repr(cell) == repr(peer)
    cell.load_state_dict(peer.state_dict())
    x, h, c = (rng.standard_normal((*batch, size)) for size in (N, H, H))
    x_peer, h_peer, c_peer = (torch.tensor(a, requires_grad=True) for a in (x, h, c))
    state, state_peer = ((h, c), (h_peer, c_peer)) if name == "LSTMCell" else (h, h_peer)
    close(leaves(cell(x))[0], leaves(peer(x_peer))[0])
    made, backward = cell.vjp(x, state)
    expected = peer(x_peer, state_peer)
    grads = [rng.standard_normal(y.shape) for y in leaves(made)]
    for y, y_peer in zip(leaves(made), leaves(expected), strict=True):
        close(y, y_peer)
    torch.autograd.backward(leaves(expected), [torch.tensor(g) for g in grads])
    (dx, dstate), dparameters = backward(tuple(grads) if name == "LSTMCell" else grads[0])
    close(dx, x_peer.grad)
    for found, of_peer in zip(leaves(dstate), leaves(state_peer), strict=True):
        close(found, of_peer.grad)
    for key, parameter in peer.named_parameters():
        close(dparameters[key], parameter.grad, key)


@pytest.mark.parametrize("row", [row for row in rows() if row.backend in ("cpu", "cuda-emulated")], ids=str)
@pytest.mark.parametrize(("name", "kwargs"), CELLS)
@pytest.mark.parametrize("batch", [B, 66])  # in one launch and as products of their own
def test_what_is_not_finite_goes_through_cells_as_in_torch(name, kwargs, batch, row, rng):
    peer = getattr(torch.nn, name)(N, H, **kwargs)
    cell = getattr(nn, name)(N, H, **kwargs)
    cell.load_state_dict(peer.state_dict())
    x, h, c = (rng.standard_normal((batch, size)).astype(np.float32) for size in (N, H, H))
    x[0, 1], h[1, 2], h[2, 0], x[3, 3] = np.inf, -np.inf, np.nan, -np.inf
    state = (h, c) if name == "LSTMCell" else h
    expected = peer(torch.tensor(x), tuple(map(torch.tensor, state)) if name == "LSTMCell" else torch.tensor(state))
    with row.chosen(), fastnets.use_backend(row.backend):
        made = cell(x, state)
    for y, y_peer in zip(leaves(made), leaves(expected), strict=True):
        y_peer = y_peer.detach().numpy()
        assert np.isfinite(y_peer[0]).all() or name == "RNNCell"  # a gate shuts out what is infinite
        np.testing.assert_array_equal(np.where(np.isfinite(y), 0, y), np.where(np.isfinite(y_peer), 0, y_peer))


def weights_of(peer):
    """As `functional` takes them."""
    directions, each = 2 if peer.bidirectional else 1, 2 + 2 * peer.bias + bool(peer.proj_size)
    flat = [p.detach().requires_grad_() for p in peer.parameters()]
    made = [flat[i * each : (i + 1) * each] for i in range(peer.num_layers * directions)]
    return [(*w[:2], None, None, *w[2:]) if not peer.bias else tuple(w) for w in made]


@pytest.mark.parametrize("lengths", [None, (3, 3, 6, 4)], ids=str)
@pytest.mark.parametrize(("name", "args", "kwargs"), LAYERS)
def test_autograd_follows_all_layers(name, args, kwargs, lengths, rng):
    _, peer = both(name, args, kwargs)
    weights = weights_of(peer)
    _, _, x, state = draw(peer, rng)
    options = {"bidirectional": peer.bidirectional, "batch_first": peer.batch_first}
    if name == "RNN":
        options["nonlinearity"] = peer.nonlinearity
    if lengths is not None:
        options["lengths"] = np.array(lengths)  # NumPy beside torch
    made = getattr(F, name.lower())(x, weights, state, **options)
    grads = [torch.tensor(rng.standard_normal(y.shape)) for y in leaves(made)]
    own = [x, *leaves(state), *(w for entry in weights for w in entry if w is not None)]
    found = torch.autograd.grad(leaves(made), own, grads)
    expected = torch.autograd.grad(
        leaves(run_torch(peer, x, state, lengths)), [x, *leaves(state), *peer.parameters()], grads
    )
    for a, b in zip(found, expected, strict=True):
        close(a.numpy(), b)


def test_dropout_and_zoneout_draw_what_the_reference_draws(rng):
    layer = nn.LSTM(N, H, 3, dropout=0.4, zoneout=0.3, bidirectional=True).to("float64")
    x, lengths = rng.standard_normal((T, B, N)), np.array([6, 0, 3, 5])
    made, backward = layer.vjp(x, lengths=lengths, seed=9)
    dx, grads = backward((np.ones_like(made[0]), None))
    with fastnets.use_backend("reference"):
        expected, backward = layer.vjp(x, lengths=lengths, seed=9)
        dx_expected, grads_expected = backward((np.ones_like(made[0]), None))
    for a, b in zip(
        [*leaves(made), dx, *grads.values()], [*leaves(expected), dx_expected, *grads_expected.values()], strict=True
    ):
        close(a, torch.from_numpy(b))
    assert np.array_equal(layer(x, seed=9)[0], layer(x, seed=9)[0])
    assert not np.array_equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert np.array_equal(layer(x)[0], layer(x)[0])


def test_one_array_in_several_places_has_a_gradient_for_each(rng):
    peer = torch.nn.LSTM(H, H, 2).to(torch.float64)
    entry = tuple(p.detach().numpy() for p in list(peer.parameters())[:4])
    x, state = rng.standard_normal((T, B, H)), rng.standard_normal((2, B, H))
    made, backward = fastnets.vjp(F.lstm, x, [entry, entry], (state, state))
    dy = rng.standard_normal(made[0].shape)
    dx, dweights, dstate = backward((dy, None))
    copies = [tuple(w.copy() for w in entry) for _ in range(2)]
    _, backward = fastnets.vjp(F.lstm, x, copies, (state.copy(), state.copy()))
    expected = backward((dy, None))
    assert np.array_equal(dx, expected[0]) and isinstance(dweights, list) and isinstance(dstate, tuple)
    for found, wanted in zip([dweights, dstate], expected[1:], strict=True):
        for a, b in zip(
            np.concatenate([np.ravel(g) for e in found for g in leaves(e)]),
            np.concatenate([np.ravel(g) for e in wanted for g in leaves(e)]),
            strict=True,
        ):
            assert a == b
    by_name = backward((dy, None), by_name=True)
    assert list(by_name) == ["input", "weights", "state"]
