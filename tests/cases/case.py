"""A case: one call of an op, as data, with arguments to be drawn."""

from dataclasses import dataclass

import numpy as np

from .layouts import lay_out

FLOATS = ("float32", "bfloat16", "float16", "float64")


def numpy_dtype(name):
    """The NumPy dtype of a name; bfloat16 is ml_dtypes', an ImportError where that is not installed."""
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def state_dtype(dtype):
    """What sums are formed in and optimizers keep: float64 for float64, float32 for all others."""
    return np.dtype(np.float64 if dtype == np.float64 else np.float32)


@dataclass(frozen=True)
class Array:
    """An input to be drawn: normal values of both signs in the call's dtype, unless a subclass says otherwise."""

    shape: tuple
    layout: str = "contiguous"
    scale: float = 1.0

    def draw(self, rng, dtype):
        return lay_out(np.asarray(self.values(rng)).astype(self.dtype(dtype)), self.layout)

    def dtype(self, dtype):
        return dtype

    def values(self, rng):
        return self.scale * rng.standard_normal(self.shape)


class Spread(Array):
    """Values of every magnitude from 10⁻⁴ to 30, of both signs, and zeros: all branches of an elementwise function."""

    def values(self, rng):
        x = rng.choice([-1.0, 1.0], self.shape) * 10.0 ** rng.uniform(-4, 1.5, self.shape)
        return np.where(rng.random(self.shape) < 0.02, 0.0, x)


@dataclass(frozen=True)
class Shifted(Array):
    """Normal values around a mean."""

    mean: float = 0.0

    def values(self, rng):
        return self.mean + super().values(rng)


class Weights(Array):
    """Positive weights in the call's dtype."""

    def values(self, rng):
        return rng.uniform(0.5, 2.0, self.shape)


class State(Array):
    """Normal values in the dtype that optimizers keep."""

    def dtype(self, dtype):
        return state_dtype(dtype)


class PositiveState(State):
    def values(self, rng):
        return rng.standard_normal(self.shape) ** 2


class Flag(Array):
    """A float32 number that is 0 or 1."""

    def dtype(self, dtype):
        return np.dtype(np.float32)

    def values(self, rng):
        return rng.integers(0, 2, self.shape).astype(np.float64)


class StateWeights(Weights):
    """Positive weights in float32 beside half precision."""

    def dtype(self, dtype):
        return state_dtype(dtype)


class Probabilities(Array):
    """Class probabilities: positive, of sum 1 over dimension 1 (0 where it is the only one)."""

    def values(self, rng):
        p = np.exp(rng.standard_normal(self.shape))
        return p / p.sum(axis=1 if len(self.shape) > 1 else 0, keepdims=True)


class Masked(Array):
    """Normal values, one in six of them −inf, with a nan, an inf and a first row of nothing but −inf."""

    def values(self, rng):
        x = np.where(rng.random(self.shape) < 1 / 6, -np.inf, rng.standard_normal(self.shape))
        x[0] = -np.inf
        x[-1].flat[0], x[-2].flat[-1] = np.nan, np.inf
        return x


class Extreme(Array):
    """Normal values with ±inf, nan, zeros and ±10⁴ among them."""

    def values(self, rng):
        extremes = rng.choice([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e4, -1e4], self.shape)
        return np.where(rng.random(self.shape) < 0.3, extremes, rng.standard_normal(self.shape))


class Fractions(Array):
    """Numbers from 0 to 1, both ends among them."""

    def values(self, rng):
        return np.clip(rng.uniform(-0.3, 1.3, self.shape), 0, 1)


@dataclass(frozen=True)
class Labels(Array):
    """Class labels below ``classes``, one in five of them ``ignored`` where that is given."""

    classes: int = 1
    ignored: int | None = None
    integer: str = "int64"

    def values(self, rng):
        labels = rng.integers(0, self.classes, self.shape)
        return labels if self.ignored is None else np.where(rng.random(self.shape) < 0.2, self.ignored, labels)

    def dtype(self, dtype):
        return np.dtype(self.integer)


@dataclass(frozen=True)
class Case:
    """One call: its inputs (an Array, or None for an optional one left out) and parameters, in the op's order."""

    op: str
    inputs: tuple
    parameters: tuple
    dtypes: tuple = FLOATS  # those in which the call makes sense
    result: str | None = None  # the dtype of the outputs, where it is not the call's

    def draw(self, rng, dtype):
        """The arguments in the op's order, with fresh random values; ``dtype`` is a name in FLOATS or a dtype."""
        dtype = numpy_dtype(dtype) if isinstance(dtype, str) else np.dtype(dtype)
        return [*(None if a is None else a.draw(rng, dtype) for a in self.inputs), *self.parameters]

    def __str__(self):
        return " ".join([*map(_describe_input, self.inputs), *map(_describe_parameter, self.parameters)])


def _describe_input(a):
    if a is None:
        return "-"
    shape = "x".join(map(str, a.shape)) or "scalar"
    return shape if a.layout == "contiguous" else f"{shape}.{a.layout}"


def _describe_parameter(value):
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)
