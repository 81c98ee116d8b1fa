"""The ops on torch tensors, recorded on torch's autograd where it follows an input."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from .. import _cpu, backends
from ..backends import Op

# Whether tensors are read through the C functions that their type offers (torch 2.10 and later).
DIRECT = hasattr(torch.Tensor, "__dlpack_c_exchange_api__")
_cpu.set_torch_types(torch.Tensor, torch.nn.Parameter, torch.is_grad_enabled)


def _tracked(values: tuple[Any, ...]) -> bool:
    return torch.is_grad_enabled() and any(isinstance(v, torch.Tensor) and v.requires_grad for v in values)


def refuse_tracked(op: Op, inputs: tuple[Any, ...]) -> None:
    """TypeError where a graph would be dropped: a tensor that autograd follows in a call that it does not see."""
    if _tracked(inputs):
        raise TypeError(
            f"{op.name}: an input requires grad, which this call would not record; use torch's autograd, torch.no_grad() "
            "or detach()"
        )


class _Recorded(torch.autograd.Function):
    """One op on autograd's tape."""

    @staticmethod
    def forward(ctx: Any, op: Op, *arguments: Any) -> Any:
        call = backends.forward(op.name, arguments, save=True)
        n = len(op.inputs)
        ctx.op, ctx.parameters, ctx.backend = op, arguments[n:], call.backend
        ctx.counts = (n, len(call.outputs))
        ctx.save_for_backward(*arguments[:n], *call.outputs, *call.saved)
        integers = [o for o, d in zip(call.outputs, op.has_gradient, strict=True) if o is not None and not d]
        ctx.mark_non_differentiable(*integers)
        return call.outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> Any:
        n, m = ctx.counts
        kept = ctx.saved_tensors
        call = backends.Call(ctx.op, kept[:n] + ctx.parameters, kept[n : n + m], kept[n + m :], ctx.backend)
        given = tuple(g for g, d in zip(gradients, ctx.op.has_gradient, strict=True) if d)
        wanted = tuple(ctx.needs_input_grad[1 : 1 + n])
        return (None, *backends.backward(call, given, wanted), *(None for _ in ctx.parameters))


def call(op: Op, arguments: tuple[Any, ...]) -> Any:
    """Compute an op on tensors, recorded where autograd follows one of them."""
    if _tracked(arguments[: len(op.inputs)]):
        outputs = _Recorded.apply(op, *arguments)
    else:
        outputs = backends.forward(op.name, arguments, save=False).outputs
    outputs = tuple(o for o in outputs if o is not None)
    return outputs[0] if len(outputs) == 1 else outputs or None
