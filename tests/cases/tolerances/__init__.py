"""How far from its float64 reference a result may be. Every bound is derived from the arithmetic:

|y − reference| ≤ 8 · eps(accumulator) · Σ|terms| + ½ · eps(output) · |reference| + smallest subnormal,

and a term for each function and each intermediate rounding, stated where it is added.
"""

from ..discover import families
from .rounding import accumulator_eps, eps, error_over_bound

# by an op's name, and by that with "_backward" behind it
_BOUNDS = {
    name: function
    for family in families(__name__, __path__, "__name__")
    for name, function in vars(family).items()
    if getattr(function, "__module__", None) == family.__name__
}


def bound(op, args, expected):
    """The allowed |error| of each output.

    Parameters
    ----------
    op : str
    args : list
        Inputs and parameters in the op's order, as given to the backend: their dtypes count.
    expected : tuple of float64 arrays
        The reference's outputs.

    Returns
    -------
    tuple of arrays of the outputs' shapes, None for an output that is None
    """
    return _BOUNDS[op](args, expected)


def bound_backward(op, grad_outputs, args, expected):
    """The allowed |error| of each input's gradient; ``expected`` is what the reference's backward returned."""
    return _BOUNDS[op + "_backward"](grad_outputs, args, expected)


__all__ = ["accumulator_eps", "bound", "bound_backward", "eps", "error_over_bound"]
