"""Activations."""

import torch.nn.functional as F


def torch_activation(z, kind, alpha=None):
    if kind is None:
        return z
    if kind in ("leaky_relu", "elu"):
        return getattr(F, kind)(z, alpha)
    return F.gelu(z, approximate="tanh") if kind == "gelu_tanh" else getattr(F, kind)(z)


TORCH = {"activation": torch_activation}
