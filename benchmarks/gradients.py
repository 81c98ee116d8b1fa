"""Backward passes as contenders: the forward pass is done beforehand, a run pulls the gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import fastnets

__all__ = ["pull", "torch_pull"]


def pull(function: Callable[..., Any], inputs: Sequence[Any], dy: Any, **parameters: Any) -> Callable[[], Any]:
    """Return a run of fastnets' backward of ``function(*inputs, **parameters)``."""
    _, backward = fastnets.vjp(function, *inputs, **parameters)
    return partial(backward, dy)


def torch_pull(function: Callable[..., Any], inputs: Sequence[Any], dy: Any, **parameters: Any) -> Callable[[], Any]:
    """Return a run of torch's backward of ``function(*inputs, **parameters)``, for the floating inputs."""
    import torch

    wanted = [x for x in inputs if x is not None and x.is_floating_point()]
    with torch.enable_grad():
        for x in wanted:
            x.requires_grad_()
        y = function(*inputs, **parameters)
    return partial(torch.autograd.grad, y, wanted, dy, retain_graph=True)
