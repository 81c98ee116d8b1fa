"""Functions called right and wrong, as data.

RIGHT: by function, its op of the table and arguments that are served. WRONG: function, argument, a wrong value for it,
the exception, and what its message must hold beside the names of function and argument.
"""

from fastnets.cases.discover import families

_FAMILIES = families(__name__, __path__, "RIGHT")
RIGHT = {name: call for family in _FAMILIES for name, call in family.RIGHT.items()}
WRONG = [row for family in _FAMILIES for row in family.WRONG]

__all__ = ["RIGHT", "WRONG"]
