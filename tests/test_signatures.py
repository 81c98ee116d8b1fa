"""Names, order and defaults of arguments are torch's; what torch lacks comes after them, by keyword only."""

import ast
import inspect
import re

import pytest

import fastnets.functional as F
from fastnets import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")

OWN = {"varlen_attention", "rotary_embedding", "sinusoidal_positions", "alibi_slopes", "causal_conv1d"}
OWN |= {"rnn", "lstm", "gru"}  # which take a list of weights
OWN |= {"rnn_tanh_cell", "rnn_relu_cell", "lstm_cell", "gru_cell"}  # torch's are builtins that do not tell
OTHER_NAMES = {"max_pool1d", "max_pool2d", "max_pool3d", "adaptive_max_pool2d"}  # as …_with_indices


def parsed(docstring):
    """Parameters of a builtin as the first line of its documentation shows them: name and default (or no default)."""
    call = re.match(r"\w+\((.*?)\) -> ", docstring.strip(), re.DOTALL)
    function = ast.parse(f"def f({call.group(1)}): ...").body[0]
    names = [a.arg for a in function.args.args]
    defaults = [ast.literal_eval(value) for value in function.args.defaults]
    return list(zip(names, [inspect.Parameter.empty] * (len(names) - len(defaults)) + defaults, strict=True))


def torchs(name):
    function = getattr(torch.nn.functional, name + "_with_indices" if name in OTHER_NAMES else name, None)
    if function is None:
        function = getattr(torch, name)
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return parsed(function.__doc__)
    return [(p.name, p.default) for p in parameters]


def ours(function):
    parameters = inspect.signature(function).parameters.values()
    positional = [(p.name, p.default) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert all(p.kind is p.KEYWORD_ONLY for p in list(parameters)[len(positional) :]), "beyond torch: by keyword only"
    return positional


@pytest.mark.parametrize("name", sorted(set(F.__all__) - OWN))
def test_function(name):
    expected = [(p, None if default == [] else default) for p, default in torchs(name)]  # [] and None: not given
    assert ours(getattr(F, name)) == expected


LAYERS = [name for name in nn.__all__ if hasattr(torch.nn, name) and name not in ("Module", "Parameter", "Sequential")]


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name):
    own = {torch.nn.functional.relu: F.relu}

    def parameters(layer):
        every = list(inspect.signature(layer.__init__).parameters.values())[1:]
        return [(p.name, p.default) for p in every if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]

    expected = [(p, own.get(default, default)) for p, default in parameters(getattr(torch.nn, name))]
    assert parameters(getattr(nn, name))[: len(expected)] == expected
