"""What defective kernels would compute: results that the bounds must refuse.

A mutant takes an op's arguments in float64 (a gradient's: the output gradient first) and returns one array for each
output or gradient, or None where the case has nothing to break.
"""

import numpy as np
import pytest

from fastnets.cases import FLOATS

FORWARD, BACKWARD = [], []
SINGLE_AND_DOUBLE = ("float32", "float64")


def mutant(op, dtypes=FLOATS):
    return lambda f: FORWARD.append(pytest.param(op, f, dtypes, id=f"{op}: {f.__name__}")) or f


def mutant_backward(op, dtypes=FLOATS):
    return lambda f: BACKWARD.append(pytest.param(op, f, dtypes, id=f"{op}: {f.__name__}")) or f


def as_tuple(outputs):
    return outputs if isinstance(outputs, tuple) else (outputs,)


def zeroed(a, axis, where):
    a = a.copy()
    np.moveaxis(a, axis, 0)[where] = 0.0
    return a
