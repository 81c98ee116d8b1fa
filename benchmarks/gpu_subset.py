"""A few small calls of every op, for compute-sanitizer to watch."""

import numpy as np
import torch

import fastnets
from fastnets import arrays, backends
from fastnets.cases import CASES

_CASES = 4  # an op: the sanitizer is slow

rng = np.random.default_rng()


def on_gpu(value):
    if not isinstance(value, np.ndarray):
        return value
    return arrays.from_numpy(np.ascontiguousarray(value), torch.empty(0)).cuda()


for op in backends.OPS:
    for case in CASES[op][:_CASES]:
        arguments = [on_gpu(a) for a in case.draw(rng, "float32")]
        call = backends.forward(op, tuple(arguments), save=any(backends.OPS[op].has_gradient))
        differentiable = [o for o, has in zip(call.outputs, call.op.has_gradient, strict=True) if has and o is not None]
        if differentiable:
            wanted = tuple(d and a is not None for d, a in zip(call.op.differentiable, arguments, strict=False))
            backends.backward(call, tuple(torch.ones_like(o) for o in differentiable), wanted)
        torch.cuda.synchronize()
    print(f"{op}: {_CASES} cases")
print(f"fastnets {fastnets.__version__}: no error")
