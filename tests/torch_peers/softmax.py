"""Softmax."""

import torch
import torch.nn.functional as F


def torch_softmax(x, dim, log, dtype):
    return (F.log_softmax if log else F.softmax)(x, dim, dtype=None if dtype is None else getattr(torch, dtype))


TORCH = {"softmax": torch_softmax}
