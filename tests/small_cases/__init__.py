"""Cases small enough for finite differences: op, how its inputs are drawn, parameters."""

from fastnets.cases.discover import families

CASES = [case for family in families(__name__, __path__, "CASES") for case in family.CASES]

__all__ = ["CASES"]
