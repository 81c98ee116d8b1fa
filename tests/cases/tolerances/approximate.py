"""Numbers with a bound of their error: what a computation in floating point makes of its formula, step by step.

An `Approximate` holds the exact value and how far from it the computed one may be. Each operation carries the errors of
its operands on, products of errors included, and adds its own rounding. For recurrent nets, whose every step works on
what the last one made.
"""

import numpy as np

from .rounding import SUM, storage_error


class Approximate:
    """``value``, computed with an error of at most ``error``, in arithmetic of epsilon ``acc``."""

    __array_ufunc__ = None  # NumPy leaves its operators to these

    def __init__(self, value, error, acc):
        self.value, self.error, self.acc = value, error, acc

    def _made(self, value, error):
        return Approximate(value, error + self.acc * np.abs(value), self.acc)

    def _other(self, other):
        return other if isinstance(other, Approximate) else Approximate(other, np.zeros(np.shape(other)), self.acc)

    def __add__(self, other):
        other = self._other(other)
        return self._made(self.value + other.value, self.error + other.error)

    def __neg__(self):
        return Approximate(-self.value, self.error, self.acc)

    def __sub__(self, other):
        return self + -self._other(other)

    def __rsub__(self, other):
        return -self + other

    def __mul__(self, other):
        other = self._other(other)
        error = np.abs(self.value) * other.error + self.error * np.abs(other.value) + self.error * other.error
        return self._made(self.value * other.value, error)

    __radd__, __rmul__ = __add__, __mul__

    def __matmul__(self, other):
        other = self._other(other)
        a, b = np.abs(self.value), np.abs(other.value)
        error = a @ other.error + self.error @ b + self.error @ other.error + SUM * self.acc * (a @ b)
        return Approximate(self.value @ other.value, error, self.acc)

    def sum(self, axis):
        error = (self.error + SUM * self.acc * np.abs(self.value)).sum(axis)
        return Approximate(self.value.sum(axis), error, self.acc)

    @property
    def T(self):
        return Approximate(self.value.T, self.error.T, self.acc)

    def split(self, count):
        pairs = zip(*(np.split(a, count, axis=1) for a in (self.value, self.error)), strict=True)
        return [Approximate(value, error, self.acc) for value, error in pairs]

    def where(self, condition, other):
        other = self._other(other)
        made = (np.where(condition, a, b) for a, b in ((self.value, other.value), (self.error, other.error)))
        return Approximate(*made, self.acc)

    def sigmoid(self):  # |σ'| ≤ ¼; σ itself to 4 ulps
        value = 1 / (1 + np.exp(-self.value))
        return Approximate(value, 0.25 * self.error + 4 * self.acc * value, self.acc)

    def tanh(self):  # |tanh'| ≤ 1; tanh itself to 4 ulps
        value = np.tanh(self.value)
        return Approximate(value, self.error + 4 * self.acc * np.abs(value), self.acc)

    def stored(self, dtype):
        """Kept in a dtype that may be of half precision."""
        return Approximate(self.value, self.error + storage_error(self.value, dtype), self.acc)


def concatenated(parts):
    made = (np.concatenate(each, axis=1) for each in ([p.value for p in parts], [p.error for p in parts]))
    return Approximate(*made, parts[0].acc)
