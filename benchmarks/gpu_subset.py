"""A few small calls of every op that the CUDA backend serves, for compute-sanitizer to watch."""

import cupy
import numpy as np
from fastnets.cases import CASES

import fastnets
from fastnets import backends

_CASES = 4  # an op: the sanitizer is slow

rng = np.random.default_rng()
for op in backends.OPS:
    for case in CASES[op][:_CASES]:
        arguments = [cupy.asarray(a) if isinstance(a, np.ndarray) else a for a in case.draw(rng, "float32")]
        try:
            call = backends.forward(op, tuple(arguments), save=any(backends.OPS[op].has_gradient))
        except NotImplementedError as missing:
            print(f"{op}: {missing}")
            break
        differentiable = [o for o, has in zip(call.outputs, call.op.has_gradient, strict=True) if has and o is not None]
        if differentiable:
            wanted = tuple(d and a is not None for d, a in zip(call.op.differentiable, arguments, strict=False))
            backends.backward(call, tuple(cupy.ones_like(o) for o in differentiable), wanted)
        cupy.cuda.Device().synchronize()
    else:
        print(f"{op}: {_CASES} cases")
print(f"fastnets {fastnets.__version__}: no error")
