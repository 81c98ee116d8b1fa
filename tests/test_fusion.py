"""In eval a product takes over the batch norm, the sum and the activation behind it: the same values, one call."""

import copy
import pickle

import numpy as np
import pytest

from fastnets import backends, nn

EPS = np.finfo(np.float64).eps


def with_statistics(norm, rng):
    for name, low, high in [("running_mean", -1, 1), ("running_var", 0.5, 2), ("weight", 0.5, 2), ("bias", -1, 1)]:
        setattr(norm, name, rng.uniform(low, high, norm.num_features).astype(np.float32))
    return norm


def normed(rng, *behind, bias=True, dimensions=2):
    convolution = getattr(nn, f"Conv{dimensions}d")(3, 5, 3, padding=1, bias=bias)
    norm = with_statistics(getattr(nn, f"BatchNorm{dimensions}d")(5), rng)
    return convolution, norm, *behind


MODELS = {
    "activation": lambda rng: nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.SiLU()),
    "linear": lambda rng: nn.Sequential(nn.Flatten(2), nn.Linear(42, 9), nn.GELU("tanh"), nn.Linear(9, 2), nn.Tanh()),
    "norm": lambda rng: nn.Sequential(*normed(rng)),
    "norm and activation": lambda rng: nn.Sequential(*normed(rng, nn.ReLU(), bias=False), nn.MaxPool2d(2)),
    "residual": lambda rng: nn.Residual(
        *normed(rng, nn.ReLU()), nn.Conv2d(5, 3, 1), with_statistics(nn.BatchNorm2d(3), rng), activation="relu"
    ),
    "shortcut": lambda rng: nn.Residual(*normed(rng), shortcut=nn.Conv2d(3, 5, 1), activation="gelu"),
    "sum behind an activation": lambda rng: nn.Residual(nn.Conv2d(3, 3, 1), nn.ReLU(), activation="relu"),
    "own activation": lambda rng: nn.Sequential(nn.Conv2d(3, 5, 3, activation="relu"), nn.BatchNorm2d(5), nn.ReLU()),
    "nested": lambda rng: nn.Sequential(
        nn.Residual(nn.Sequential(*normed(rng)), shortcut=nn.Conv2d(3, 5, 1)), nn.ReLU()
    ),
}


def unfused(model, x):
    """The layers one after the other."""
    if isinstance(model, nn.Residual):
        y = x
        for layer in model:
            y = unfused(layer, y)
        around = x if model.shortcut is None else unfused(model.shortcut, x)
        y = y + around
        return {None: lambda z: z, "relu": nn.ReLU(), "gelu": nn.GELU()}[model.activation](y)
    if isinstance(model, nn.Sequential):
        for layer in model:
            x = unfused(layer, x)
        return x
    return model(x)


@pytest.mark.parametrize("what", MODELS)
def test_fused_is_what_the_layers_compute(what, rng):
    model = MODELS[what](rng).to("float64").eval()
    x = rng.standard_normal((2, 3, 7, 6))
    expected = unfused(model, x)
    # sums of at most 42 terms of size one to ten, through a few layers
    np.testing.assert_allclose(model(x), expected, rtol=0, atol=1000 * EPS * np.abs(expected).max())


def calls(model, x):
    with backends.record() as tape:
        model(x)
    return [call.op.name for call in tape]


def test_one_call_for_convolution_norm_sum_and_activation(rng):
    model = nn.Residual(*normed(rng, nn.ReLU()), nn.Conv2d(5, 3, 1), nn.BatchNorm2d(3), activation="relu")
    x = rng.standard_normal((2, 3, 7, 6)).astype(np.float32)
    assert calls(model.eval(), x) == ["conv", "conv"]
    assert calls(model.train(), x) == [
        "conv",
        "batch_norm_training",
        "activation",
        "conv",
        "batch_norm_training",
        "activation",
    ]


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_norm_is_folded_in_every_dimension(dimensions, rng):
    model = nn.Sequential(*normed(rng, dimensions=dimensions)).to("float64").eval()
    x = rng.standard_normal((2, 3, *(5,) * dimensions))
    assert calls(model, x) == ["conv"]
    np.testing.assert_allclose(model(x), unfused(model, x), rtol=0, atol=1e-13)


def test_what_cannot_be_folded_stays(rng):
    x = rng.standard_normal((2, 3, 7, 6)).astype(np.float32)
    untracked = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5, track_running_stats=False)).eval()
    assert calls(untracked, x) == ["conv", "batch_norm_training"]
    with pytest.raises(ValueError, match="BatchNorm2d"):  # where the norm refuses, so does the sequence
        nn.Sequential(*normed(rng)).eval()(x[0])

    class Doubled(nn.ReLU):
        def forward(self, input):
            return 2 * super().forward(input)

    model = nn.Sequential(nn.Conv2d(3, 5, 3), Doubled()).eval()
    assert calls(model, x) == ["conv", "activation"]


def test_every_change_is_seen(rng):
    model = nn.Sequential(*normed(rng, nn.ReLU())).to("float64").eval()
    x = rng.standard_normal((2, 3, 7, 6))

    def check():
        np.testing.assert_allclose(model(x), unfused(model, x), rtol=0, atol=1e-13)

    check()
    model[0].weight = 2 * model[0].weight
    check()
    model[1].running_var = model[1].running_var + 1.0
    check()
    model.load_state_dict({name: value + 0.1 for name, value in model.state_dict().items()})
    check()
    setattr(model, "2", nn.Tanh().eval())
    check()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other(x), model(x))
    with pytest.raises(ValueError, match="read-only"):
        model[1].running_mean[0] = 1.0
    model.train()
    model[1].running_mean[0] = 1.0
    model.eval()
    check()


def test_summary_shows_the_layers(rng):
    model = nn.Sequential(*normed(rng, nn.ReLU())).eval()
    assert "BatchNorm2d" in str(model.summary((1, 3, 7, 6)))
