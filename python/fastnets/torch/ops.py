"""The op table registered with torch: ``torch.ops.fastnets.<op>`` and ``torch.ops.fastnets.<op>_backward``.

``<op>(*inputs, *parameters, save)`` returns the op's outputs, with `save` what its backward needs, and what becomes of
the inputs that the op updates: a registered op writes to nothing, and `call` copies the update back.
``<op>_backward(*gradients, *inputs, *parameters, *outputs, *saved, wanted)`` returns a gradient for each differentiable
input. What is not there (an output that was not asked for, a gradient that is not wanted) is an empty uint8 tensor: a
schema has no optional results, and no op makes uint8.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch

from .. import backends
from ..backends import OPS, Op
from . import dispatch
from .shapes import Described, infer, infer_backward

_library = torch.library.Library("fastnets", "FRAGMENT")


def call(name: str, arguments: tuple[Any, ...]) -> Any:
    """Call a registered op as the compiled modules call theirs; torch.compile traces this function."""
    op = OPS[name]
    n, m = len(op.inputs), len(op.outputs)
    tensors = arguments[:n]
    parameters = [_seed(v) if t == "Tensor" else v for v, t in zip(arguments[n:], op.parameter_types, strict=True)]
    save = torch.is_grad_enabled() and any([t is not None and t.requires_grad for t in tensors])
    if save and not any(op.differentiable):
        dispatch.refuse_tracked(op, tensors)
    if save and not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        made = _Transformed.apply(op, *tensors, *parameters, save)
    else:
        made = getattr(torch.ops.fastnets, name)(*tensors, *parameters, save)
    made = made if isinstance(made, (tuple, list)) else (made,)
    if op.in_place:
        with torch.no_grad():
            for target, value in zip(_updated(op, tensors), made[m + len(op.saved) :], strict=True):
                if target is not None:
                    target.copy_(value)
    present = [output for output in made[:m] if output.dtype is not torch.uint8]
    if not present:
        return None
    return present[0] if len(present) == 1 else tuple(present)


def _updated(op: Op, values: tuple[Any, ...]) -> list[Any]:
    """Those of an op's arguments that it updates."""
    return [value for value, updated in zip(values, op.updated, strict=False) if updated]


def _seed(value: Any) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value
    low = value & 0xFFFFFFFFFFFFFFFF
    return torch.scalar_tensor(low - 2**64 if low >= 2**63 else low, dtype=torch.int64)


def _arguments(op: Op, values: Iterable[Any]) -> tuple[Any, ...]:
    """Arguments as the backends take them: plain tensors, sizes as tuples, a seed as a number."""
    values = list(values)
    n = len(op.inputs)
    for i, value in enumerate(values):
        if isinstance(value, torch.Tensor):
            values[i] = dispatch.as_plain(value) if i < n else int(value)
        elif isinstance(value, list):
            values[i] = tuple(value)
    return tuple(values)


def _absent(device: torch.device) -> torch.Tensor:
    return torch.empty(0, dtype=torch.uint8, device=device)


def _returned(made: Iterable[torch.Tensor | None], device: torch.device) -> Any:
    tensors = tuple(_absent(device) if t is None else t for t in made)
    return tensors[0] if len(tensors) == 1 else tensors


def _forward(op: Op, *values: Any) -> Any:
    *arguments, save = values
    with torch.no_grad():
        for i, updated in enumerate(op.updated):
            if updated and arguments[i] is not None:
                arguments[i] = arguments[i].clone()
        made = backends.forward(op.name, _arguments(op, arguments), save)
    saved = made.saved or (None,) * len(op.saved)
    return _returned((*made.outputs, *saved, *_updated(op, tuple(arguments))), values[0].device)


def _forward_fake(op: Op, *values: Any) -> Any:
    *arguments, save = values
    device = values[0].device
    made = _tensors(infer(op, tuple(arguments), save), device)
    return _returned((*made, *(None if t is None else torch.empty_like(t) for t in _updated(op, values))), device)


def _split(op: Op, values: tuple[Any, ...]) -> tuple[tuple[Any, ...], ...]:
    """Take the arguments of a backward apart: gradients, arguments, outputs, saved, wanted."""
    groups, start = [], 0
    for count in (sum(op.has_gradient), len(op.inputs) + len(op.parameters), len(op.outputs), len(op.saved)):
        groups.append(values[start : start + count])
        start += count
    return *groups, values[start]


def _backward(op: Op, *values: Any) -> Any:
    gradients, arguments, outputs, saved, wanted = _split(op, values)
    device = arguments[0].device
    if len(wanted) != sum(op.differentiable) or not any(g is not None for g in gradients):
        raise ValueError(
            f"{op.name}_backward: needs a gradient, and a flag for each of {sum(op.differentiable)} inputs"
        )
    flags = iter(wanted)
    by_input = tuple(d and next(flags) for d in op.differentiable)
    with torch.no_grad():
        backend = backends.select("torch", arguments[0])
        call = backends.Call(op, _arguments(op, arguments), _present(outputs), _present(saved), backend, "torch")
        given = tuple(None if g is None else dispatch.as_plain(g) for g in gradients)
        made = backends.backward(call, given, by_input)
    return _returned((g for g, d in zip(made, op.differentiable, strict=True) if d), device)


def _present(tensors: Iterable[torch.Tensor]) -> tuple[torch.Tensor | None, ...]:
    return tuple(None if t.dtype is torch.uint8 else dispatch.as_plain(t) for t in tensors)


def _backward_fake(op: Op, *values: Any) -> Any:
    _, arguments, _, _, wanted = _split(op, values)
    described = infer_backward(op, arguments)
    chosen = [d for d, differentiable in zip(described, op.differentiable, strict=True) if differentiable]
    device = arguments[0].device
    made = _tensors((d if flag else None for d, flag in zip(chosen, wanted, strict=True)), device)
    return _returned(made, device)


def _tensors(described: Iterable[Described | None], device: torch.device) -> list[torch.Tensor | None]:
    return [
        None if d is None else torch.empty_strided(d.sizes, d.strides, dtype=d.dtype, device=device) for d in described
    ]


def _setup_context(op: Op, ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    *arguments, save = inputs
    if not save and op.saved:
        raise RuntimeError(f"fastnets::{op.name} was called with save=False but an input requires grad")
    made = output if isinstance(output, (tuple, list)) else (output,)
    n, results = len(op.inputs), len(op.outputs) + len(op.saved)
    tensors = [a if isinstance(a, torch.Tensor) else None for a in arguments]
    kept = [None if u else t for t, u in zip(tensors, op.updated, strict=False)]
    ctx.parameters = arguments[n:]
    ctx.save_for_backward(*kept, *tensors[n:], *made[:results])
    ctx.set_materialize_grads(False)
    has_gradient = [*op.has_gradient, *(False for _ in made[len(op.outputs) :])]
    ctx.mark_non_differentiable(*(t for t, d in zip(made, has_gradient, strict=True) if not d))


def _pull(op: Op, ctx: Any, *gradients: Any, first: int = 0) -> Any:
    """Return the gradients of a forward's arguments; the op's own begin at `first`."""
    n, p = len(op.inputs), len(op.parameters)
    nothing = (None,) * (p + 1)
    given = [g for g, d in zip(gradients, op.has_gradient, strict=False) if d]
    if all(g is None for g in given):
        return (None,) * n + nothing
    kept = ctx.saved_tensors
    parameters = [v if s is None else s for v, s in zip(ctx.parameters, kept[n : n + p], strict=True)]
    needed = ctx.needs_input_grad[first : first + n]
    wanted = [bool(w) for w, d in zip(needed, op.differentiable, strict=True) if d]
    values = (*given, *kept[:n], *parameters, *kept[n + p :], wanted)
    if not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        made = _TransformedBackward.apply(op, *values)
    else:
        made = getattr(torch.ops.fastnets, op.name + "_backward")(*values)
    made = iter(made if isinstance(made, (tuple, list)) else (made,))
    pulled = [next(made) if d else None for d in op.differentiable]
    return *(g if w else None for g, w in zip(pulled, needed, strict=True)), *nothing


def _refuse_second(op: Op, ctx: Any, *gradients: Any) -> Any:
    dispatch.refuse_second(op.name)


class _Transformed(torch.autograd.Function):
    """A registered op inside torch.func's transforms, where torch.library's autograd does not work."""

    generate_vmap_rule = True

    @staticmethod
    def forward(op: Op, *values: Any) -> Any:
        return getattr(torch.ops.fastnets, op.name)(*values)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.op = inputs[0]
        _setup_context(ctx.op, ctx, inputs[1:], output)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return None, *_pull(ctx.op, ctx, *gradients, first=1)


class _TransformedBackward(torch.autograd.Function):
    """The backward of one."""

    generate_vmap_rule = True

    @staticmethod
    def forward(op: Op, *values: Any) -> Any:
        return getattr(torch.ops.fastnets, op.name + "_backward")(*values)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.op = inputs[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return _refuse_second(ctx.op, ctx)


def _register(op: Op) -> None:
    inputs = [f"Tensor{'?' if optional else ''} {n}" for n, optional in zip(op.inputs, op.optional, strict=True)]
    parameters = [f"{t} {n}" for n, t in zip(op.parameters, op.parameter_types, strict=True)]
    results = [f"Tensor {n}" for n in (*op.outputs, *op.saved)]
    updated = [f"Tensor new_{n}" for n in _updated(op, tuple(op.inputs))]
    gradients = [f"Tensor? grad_{n}" for n, d in zip(op.outputs, op.has_gradient, strict=True) if d]
    pulled = [f"Tensor grad_{n}" for n, d in zip(op.inputs, op.differentiable, strict=True) if d]
    forward = f"{op.name}({', '.join([*inputs, *parameters, 'bool save'])}) -> ({', '.join(results + updated)})"
    arguments = ", ".join([*gradients, *inputs, *parameters, *results, "bool[] wanted"])
    backward = f"{op.name}_backward({arguments}) -> ({', '.join(pulled)})"
    entries = [(forward, _forward, _forward_fake, _pull), (backward, _backward, _backward_fake, _refuse_second)]
    if not pulled:
        del entries[1]
    for schema, implementation, fake, pull in entries:
        name = schema[: schema.index("(")]
        _library.define(schema)
        _library.impl(name, partial(implementation, op), "CompositeExplicitAutograd")
        torch.library.register_fake(f"fastnets::{name}", partial(fake, op), lib=_library)
        if not pulled:  # its results need no gradient, whatever its inputs do
            _library.impl(name, torch.library.fallthrough_kernel, "Autograd")
            continue
        setup = partial(_setup_context, op) if pull is _pull else None
        torch.library.register_autograd(f"fastnets::{name}", partial(pull, op), setup_context=setup, lib=_library)


for _op in OPS.values():
    _register(_op)
