"""The ops of the table in PyTorch's words: each takes an op's inputs as tensors, then its parameters.

SERVES, where a family has it, says of a case whether PyTorch serves it.
"""

from fastnets.cases.discover import families

_FAMILIES = families(__name__, __path__, "TORCH")
TORCH = {op: function for family in _FAMILIES for op, function in family.TORCH.items()}


def serves(case):
    """Whether PyTorch computes a case, forward and backward."""
    return all(case.op not in family.TORCH or getattr(family, "serves", bool)(case) for family in _FAMILIES)


__all__ = ["TORCH", "serves"]
