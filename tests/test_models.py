"""Whole networks against the same architecture in PyTorch, with the same random weights."""

import copy

import numpy as np
import pytest

import fastnets as fn
import fastnets.functional as F

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")

from fastnets.benchmarks.torch_resnet import ResNet  # noqa: E402

RESNETS = {
    "resnet18": ((2, 2, 2, 2), False),
    "resnet34": ((3, 4, 6, 3), False),
    "resnet50": ((3, 4, 6, 3), True),
    "resnet101": ((3, 4, 23, 3), True),
    "resnet152": ((3, 8, 36, 3), True),
}
PARAMETERS = {  # of torchvision's models
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
}


def with_random_statistics(peer, rng):
    """Running statistics as training leaves them: neither 0 nor 1."""
    for name, buffer in peer.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(torch.tensor(0.1 * rng.standard_normal(buffer.shape)))
        elif name.endswith("running_var"):
            buffer.copy_(torch.tensor(rng.uniform(0.5, 2.0, buffer.shape)))
    return peer


def pair(name, rng, num_classes=10):
    """The model and its peer, in float64, with the same weights."""
    peer = ResNet(*RESNETS[name], num_classes).to(torch.float64)
    with_random_statistics(peer, rng)
    model = getattr(fn.models, name)(num_classes=num_classes).to("float64")
    model.load_state_dict(peer.state_dict())
    return model, peer


def assert_close(actual, expected, steps, what=""):
    """Float64 against float64: each of `steps` layers may add some 100 roundings of the largest value."""
    bound = steps * 100 * np.finfo(np.float64).eps * np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=bound, err_msg=what)


@pytest.mark.parametrize("name", RESNETS)
def test_state_dict_is_torchvisions(name):
    model, peer = getattr(fn.models, name)(), ResNet(*RESNETS[name], 1000)
    expected = {key: tuple(value.shape) for key, value in peer.state_dict().items()}
    assert {key: value.shape for key, value in model.state_dict().items()} == expected
    assert sum(p.size for p in model.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_eval_is_torch(name, channels_last, rng):
    model, peer = pair(name, rng)
    images = rng.standard_normal((2, 3, 65, 64))
    if channels_last:
        images = np.moveaxis(np.ascontiguousarray(np.moveaxis(images, 1, -1)), -1, 1)
    with torch.no_grad():
        expected = peer.eval()(torch.tensor(images)).numpy()
    assert_close(model.eval()(images), expected, steps=50)
    assert_close(model.train().eval()(images), expected, steps=50)


class Shaken:
    """A peer beside its copy whose images are off by a rounding: how far what they learn drifts apart is how well the
    numbers of a training are determined at all."""

    def __init__(self, peer):
        self.models = [peer, copy.deepcopy(peer)]
        self.optimizers = [torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9) for model in self.models]

    def step(self, images, labels, rng):
        """One step of each; returns what is compared, by name, as pairs."""
        moved = images * (1 + np.finfo(np.float64).eps * rng.choice([-1, 1], images.shape))
        found = []
        for model, optimizer, array in zip(self.models, self.optimizers, (images, moved), strict=True):
            x = torch.tensor(array, requires_grad=True)
            loss = torch.nn.functional.cross_entropy(model(x), torch.tensor(labels))
            optimizer.zero_grad()
            loss.backward()
            grads = {name: parameter.grad.numpy().copy() for name, parameter in model.named_parameters()}
            found.append({"the loss": loss.detach().numpy(), "the images": x.grad.numpy(), **grads})
            optimizer.step()
        return {name: (value, found[1][name]) for name, value in found[0].items()}

    def state(self):
        first, second = (model.state_dict() for model in self.models)
        return {name: (value.numpy(), second[name].numpy()) for name, value in first.items()}


def assert_determined(found, pairs, what):
    """Each of some 50 layers rounds as the images were rounded once, a few times over."""
    assert found.keys() == pairs.keys()
    for name, (expected, shaken) in pairs.items():
        drift = np.abs(expected - shaken).max()
        bound = 200 * drift + 1000 * np.finfo(np.float64).eps * np.abs(expected).max()
        np.testing.assert_allclose(found[name], expected, rtol=0, atol=bound, err_msg=f"{name}, {what}")


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_three_training_steps_are_torchs(name, rng):
    model, peer = pair(name, rng)
    peers = Shaken(peer)
    optimizer = fn.optim.SGD(model, lr=0.01, momentum=0.9)
    for step in range(3):
        images, labels = rng.standard_normal((4, 3, 64, 64)), rng.integers(0, 10, 4)
        logits, backward = model.vjp(images)
        loss, dlogits = fn.value_and_grad(F.cross_entropy, logits, labels)
        dimages, grads = backward(dlogits)
        found = {"the loss": loss, "the images": dimages, **grads}
        assert_determined(found, peers.step(images, labels, rng), f"step {step}")
        optimizer.step(grads)
    state = model.state_dict()
    assert_determined(state, peers.state(), "after three steps")
    assert int(state["bn1.num_batches_tracked"]) == 3


def test_float32_is_as_close_as_torch(rng):
    model, peer = pair("resnet18", rng)
    images = rng.standard_normal((2, 3, 64, 64))
    with torch.no_grad():
        expected = peer.eval()(torch.tensor(images)).numpy()
        theirs = peer.to(torch.float32)(torch.tensor(images, dtype=torch.float32)).numpy()
    ours = model.to("float32").eval()(images.astype(np.float32))
    assert np.abs(ours - expected).max() <= 4 * np.abs(theirs - expected).max()


def test_a_checkpoint_loaded_in_eval_is_folded_anew(rng):
    model, peer = pair("resnet18", rng)
    images = rng.standard_normal((1, 3, 32, 32))
    model.eval()(images)
    with_random_statistics(peer, rng)
    model.load_state_dict(peer.state_dict())
    with torch.no_grad():
        assert_close(model(images), peer.eval()(torch.tensor(images)).numpy(), steps=50)


def test_summary_of_resnet50():
    summary = fn.models.resnet50().summary((1, 3, 224, 224))
    assert summary.parameters == PARAMETERS["resnet50"]
    assert 8.1e9 < summary.flops < 8.3e9
