"""The ways of a torch tensor into an op.

The compiled module takes plain tensors by itself. Where autograd follows one of them it calls `record`. Everything
else comes to `call`: other devices, tensors whose memory is not theirs to read, subclasses, and calls that a dispatch
mode or a functional transform must see, which go through the ops registered with torch.
"""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import torch
from torch.autograd import forward_ad

from .. import _cpu, backends
from ..backends import OPS, Op

_PLAIN = (torch.Tensor, torch.nn.Parameter)


def introduce(module: Any) -> bool:
    """Tell a compiled module of torch's types; whether it reads tensors by itself from then on."""
    depth, changed = torch._C._len_torch_dispatch_stack, torch.autograd.graph.increment_version
    return bool(module.set_torch_types(_PLAIN, torch.is_grad_enabled, depth, changed, vars(forward_ad)))


# Tensors are read through the C functions that their type offers (torch 2.10 and later), or else as NumPy arrays.
if introduce(_cpu):
    backends.DIRECT.add("torch")
for _loaded in ("fastnets._cuda", "fastnets._cuda_emulated"):
    if _loaded in sys.modules:
        introduce(sys.modules[_loaded])


def _tracked(values: tuple[Any, ...]) -> bool:
    return torch.is_grad_enabled() and any(isinstance(v, torch.Tensor) and v.requires_grad for v in values)


def refuse_tracked(op: Op, inputs: tuple[Any, ...]) -> None:
    """TypeError where a graph would be dropped: a tensor that autograd follows in a call that it does not see."""
    if _tracked(tuple(map(backends.unpacked, inputs))):
        raise TypeError(
            f"{op.name}: an input requires grad, which this call would not record; use torch's autograd, "
            "torch.no_grad() or detach()"
        )


class _Recorded(torch.autograd.Function):
    """One op on autograd's tape."""

    @staticmethod
    def forward(ctx: Any, op: Op, backend: str, *arguments: Any) -> Any:
        call = backends.compute(op, arguments, True, backend, "torch")
        n = len(op.inputs)
        ctx.op, ctx.parameters, ctx.backend = op, arguments[n:], backend
        ctx.counts = (n, len(call.outputs))
        ctx.set_materialize_grads(False)
        kept = (None if u else a for a, u in zip(arguments, op.updated, strict=False))
        ctx.save_for_backward(*kept, *call.outputs, *call.saved)
        if not all(op.has_gradient):
            integers = [o for o, d in zip(call.outputs, op.has_gradient, strict=True) if o is not None and not d]
            ctx.mark_non_differentiable(*integers)
        return call.outputs

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        op, (n, m) = ctx.op, ctx.counts
        given = tuple(g for g, d in zip(gradients, op.has_gradient, strict=True) if d)
        nothing = (None,) * len(ctx.parameters)
        if all(g is None for g in given):
            return (None,) * (2 + n) + nothing
        kept = ctx.saved_tensors
        call = backends.Call(op, kept[:n] + ctx.parameters, kept[n : n + m], kept[n + m :], ctx.backend, "torch")
        wanted = tuple(ctx.needs_input_grad[2 : 2 + n])
        given = tuple(None if g is None else as_plain(g) for g in given)
        if torch.is_grad_enabled():  # create_graph=True
            made = _Pulled.apply(call, wanted, len(given), *given, *kept)
        else:
            made = backends.backward(call, given, wanted)
        return (None, None, *made, *nothing)


class _Pulled(torch.autograd.Function):
    """A backward that is itself on autograd's tape, only to say that it ends there."""

    @staticmethod
    def forward(ctx: Any, call: backends.Call, wanted: tuple[bool, ...], count: int, *tensors: Any) -> Any:
        ctx.name = call.op.name
        return backends.backward(call, tensors[:count], wanted)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        refuse_second(ctx.name)


def refuse_second(name: str) -> NoReturn:
    raise RuntimeError(f"{name}: the backward of fastnets' ops cannot be differentiated again")


def record(name: str, arguments: tuple[Any, ...], backend: str = "cpu") -> Any:
    """Compute an op on plain tensors of which autograd follows one."""
    op = OPS[name]
    if not op.in_place and not any(op.differentiable):
        refuse_tracked(op, arguments[: len(op.inputs)])
    made = _Recorded.apply(OPS[name], backend, *map(backends.unpacked, arguments))
    return made[0] if len(made) == 1 else backends.collapse(made)


def call(op: Op, arguments: tuple[Any, ...]) -> Any:
    """Compute an op on tensors of any kind, recorded where autograd follows one of them."""
    n = len(op.inputs)
    tensors = tuple(map(backends.unpacked, arguments[:n]))
    for name, tensor in zip(op.inputs, tensors, strict=True):
        if tensor is not None:
            _refuse_unserved(op.name, name, tensor)
    if _intercepted() or not all(t is None or _is_plain(t) for t in tensors):
        from . import ops

        return ops.call(op.name, tensors + arguments[n:])
    if _tracked(tensors) and any(op.has_gradient):
        return record(op.name, arguments, backends.select("torch", tensors[0]))
    return backends.collapse(backends.forward(op.name, arguments, save=False).outputs)


def _intercepted() -> bool:
    return torch._C._len_torch_dispatch_stack() > 0 or forward_ad._current_level >= 0


def _is_plain(tensor: torch.Tensor) -> bool:
    """Whether a tensor has memory of its own that holds its values."""
    return (
        type(tensor) in _PLAIN
        and tensor.device.type in ("cpu", "cuda")
        and not tensor.is_neg()
        and not tensor._is_zerotensor()
        and not torch._is_functional_tensor(tensor)
        and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    )


def as_plain(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor of torch's own type that holds its values, without a copy where it can be."""
    if type(tensor) not in _PLAIN:
        tensor = tensor.as_subclass(torch.Tensor)  # type: ignore[arg-type]
    return tensor.clone() if tensor._is_zerotensor() else tensor.resolve_neg()


def _refuse_unserved(op: str, name: str, tensor: torch.Tensor) -> None:
    kind = None
    if torch.nn.parameter.is_lazy(tensor):
        kind = "an uninitialized parameter; run its module once"
    elif tensor.is_nested:
        kind = "a nested tensor; use to_padded_tensor()"
    elif tensor.layout is not torch.strided:
        kind = f"a tensor of layout {tensor.layout}; use to_dense()"
    elif tensor.is_quantized:
        kind = f"a quantized tensor ({tensor.dtype}); use dequantize()"
    elif tensor.device.type not in ("cpu", "cuda", "meta"):
        kind = f"on the device {tensor.device}; the CPU and CUDA GPUs are served"
    elif str(tensor.dtype).removeprefix("torch.") not in backends.DTYPES:
        kind = f"of dtype {str(tensor.dtype).removeprefix('torch.')}; {', '.join(backends.DTYPES)} are served"
    elif forward_ad._current_level >= 0 and forward_ad.unpack_dual(tensor).tangent is not None:
        kind = "a dual tensor, but forward-mode differentiation is not served"
    if kind:
        raise TypeError(f"{op}: {name} is {kind}")


_cpu.set_recorder(record)
