"""What every op is tried on, as data, and how far from its reference it may be.

Shared by the tests, by ``fastnets verify`` and by the benchmarks. A module is a family of ops: CASES of all of them,
LARGE ones that give several threads work, and, where the parts along the first dimension are independent, BATCHED ones.
"""

from itertools import groupby

from . import tolerances
from .case import FLOATS, Case, numpy_dtype, state_dtype
from .discover import families

_FAMILIES = families(__name__, __path__, "CASES")


def _op(case: Case) -> str:
    return case.op


CASES = {
    op: list(cases) for op, cases in groupby(sorted((c for f in _FAMILIES for c in f.CASES), key=_op), key=_op)
}  # fmt: skip
LARGE = [case for family in _FAMILIES for case in family.LARGE]
BATCHED = [case for family in _FAMILIES for case in getattr(family, "BATCHED", ())]

__all__ = ["BATCHED", "CASES", "FLOATS", "LARGE", "Case", "numpy_dtype", "state_dtype", "tolerances"]
