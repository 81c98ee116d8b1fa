"""What defective kernels would compute, by family; `FORWARD` and `BACKWARD` list them all."""

from fastnets.cases.discover import families

from .registry import BACKWARD, FORWARD, SINGLE_AND_DOUBLE, as_tuple

families(__name__, __path__, "__name__")  # each registers its own

__all__ = ["BACKWARD", "FORWARD", "SINGLE_AND_DOUBLE", "as_tuple"]
