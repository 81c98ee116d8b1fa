"""A workload: one call of an op at one size, with its cost, and how each contender makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from fastnets.cases import numpy_dtype

from .peers import Place

__all__ = ["Arrays", "Contender", "Workload"]

Arrays = tuple[Any, ...]


@dataclass(frozen=True)
class Contender:
    """One way to compute a workload.

    Attributes
    ----------
    library : str
        "fastnets" or the name of a peer.
    label : str
        What the table says: the library and, where there are several ways, which.
    run : callable
        One call; returns an array or a tuple of arrays that all contenders agree on.
    """

    library: str
    label: str
    run: Callable[[], Any]

    @classmethod
    def of(cls, label: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Contender:
        return cls(label.split()[0], label, partial(function, *args, **kwargs))


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What is measured; a family derives from it, with a method for each contender that exists.

    Attributes
    ----------
    dtype : str
    rows : tuple of str
        The lines of the speed table to which it counts.
    devices : tuple of str
        Those on which it makes sense.
    """

    op: ClassVar[str]  # of the op table
    dtype: str = "float32"
    rows: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("cpu", "cuda")

    @property
    def name(self) -> str:
        """Its size and variant, without the family's name."""
        raise NotImplementedError

    @property
    def flops(self) -> float:
        """Floating-point operations on the multiply-add units that the result needs, a multiply-add counted as two."""
        return 0.0

    @property
    def bytes(self) -> float:
        """The fewest bytes that must move: each input read once, each output written once."""
        raise NotImplementedError

    @property
    def itemsize(self) -> int:
        return numpy_dtype(self.dtype).itemsize

    def draw(self, rng: np.random.Generator) -> Arrays:
        """Fresh random arguments, as NumPy arrays."""
        raise NotImplementedError

    def fastnets(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        """Our own ways to compute it."""
        raise NotImplementedError

    def torch(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        """PyTorch's, eager."""
        yield from ()

    def onnxruntime(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        """onnxruntime's, as a model of one node."""
        yield from ()

    def numpy(self, arrays: Arrays, place: Place) -> Iterator[Contender]:
        """NumPy's, where it is an expression that people write."""
        yield from ()

    def normal(self, rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray[Any, Any]:
        """Normal values in the workload's dtype."""
        return (scale * rng.standard_normal(shape, dtype=np.float32)).astype(numpy_dtype(self.dtype))
