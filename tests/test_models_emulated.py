"""Whole models, forward and backward, on the emulated CUDA kernels beside the CPU's."""

import numpy as np
import pytest

import fastnets as fn
from fastnets import backends, nn

# Both sum in float32, in different orders: some hundred roundings of 2⁻²⁴ on the way through a model, of which the
# norms, and gradients through them, make several times as much.
TOLERANCE = 2.0**-24 * 4000


@pytest.fixture(autouse=True)
def emulated():
    try:
        backends.module("cuda-emulated")
    except RuntimeError as missing:
        pytest.skip(str(missing))
    fn.random.seed(11)


def images(rng):
    block = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 1))
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1),
        nn.Residual(block),
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 5),
    )
    return model, (rng.standard_normal((2, 3, 9, 8), np.float32),)


def language(cell):
    def make(rng):
        model = fn.models.LSTMLanguageModel("abcdef", 5, 7, 2, cell)
        return model, (rng.integers(0, 6, (3, 4)),)

    return make


def bert(rng):
    sizes = dict(vocab_size=20, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16)
    model = fn.models.Bert(**sizes).eval()
    return model, (rng.integers(1, 20, (2, 6)),)


def translation(rng):
    model = fn.models.Transformer(12, 14, 8, 2, 1, 1, 16).eval()
    return model, (rng.integers(3, 12, (2, 5)), rng.integers(3, 14, (2, 4)))


MODELS = {"cnn": images, "lstm": language("lstm"), "gru": language("gru"), "bert": bert, "translation": translation}


def run(model, inputs, dy):
    output, backward = model.vjp(*inputs, input_gradient=False)
    first = output[0] if isinstance(output, tuple) else output
    if dy is None:
        dy = np.random.default_rng(5).standard_normal(first.shape).astype(np.float32)
    _, grads = backward((dy, None) if isinstance(output, tuple) else dy)
    return first, grads, dy


def close(actual, expected, name):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * max(1, np.abs(expected).max()), err_msg=name)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_gives_what_it_gives_on_the_cpu(name, rng):
    model, inputs = MODELS[name](rng)
    expected, expected_grads, dy = run(model, inputs, None)
    with fn.use_backend("cuda-emulated"):
        output, grads, _ = run(model, inputs, dy)
    close(output, expected, name)
    assert grads.keys() == expected_grads.keys() and grads
    for parameter, gradient in expected_grads.items():
        close(grads[parameter], gradient, parameter)
