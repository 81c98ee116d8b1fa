"""A case tried: drawn once, run on every backend there is, and held against its reference."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from fastnets import backends, information, reference, settings

from . import tolerances
from .case import Case, numpy_dtype
from .layouts import lay_out


def is_for_sm90a(op: str, dtype: str, case: Case | None) -> bool:
    """Whether the architecture has kernels of its own for it: half precision, in lines of whole 16 bytes."""
    if op not in ("linear", "conv", "conv_transpose", "attention") or dtype not in ("bfloat16", "float16"):
        return False
    if case is None:
        return True
    if op == "attention":
        *arrays, mask, slopes, _, key_lengths, cu_seqlens_q, _ = case.inputs
        dropout_p, scale, softcap = (case.parameters[i] for i in (0, 2, 7))
        if any((mask, slopes, key_lengths, cu_seqlens_q, dropout_p, softcap)) or scale <= 0:
            return False
        lines = [array.shape[-1] for array in arrays]
    elif op == "linear":
        lines = case.inputs[0].shape[-1:]
    else:
        lines = case.inputs[1].shape[:2]  # channels, on both sides
    return all(size % 8 == 0 for size in lines)


@dataclass(frozen=True)
class Row:
    """Something that answers the op table on host arrays: a backend, and an instruction set or a GPU architecture."""

    backend: str
    isa: str | None = None

    def serves(self, op: str, dtype: str, case: Case | None = None) -> bool:
        """Whether it computes in this dtype and the case's own: GPUs have no float64."""
        if not self.backend.startswith("cuda"):
            return True
        if self.isa == "sm90a" and not is_for_sm90a(op, dtype, case):
            return False  # the same kernels as on the row without a name
        dtypes = {dtype, None if case is None else case.result}
        return "float64" not in dtypes

    def __str__(self):
        return self.backend if self.isa is None else f"{self.backend}-{self.isa}"

    @contextmanager
    def chosen(self) -> Iterator[None]:
        """Compute with this row's instruction set, or on its architecture, inside a ``with`` block."""
        if self.isa is None:
            yield
            return
        if self.isa == "sm90a":
            play = backends.module(self.backend).set_compute_capability
            before = play(90)
        else:
            play, before = settings.set_cpu_isa, backends.module("cpu").isa()
            play(self.isa)
        try:
            yield
        finally:
            play(before)


def rows() -> list[Row]:
    """The rows that this build and this machine have."""
    found = [Row("cpu", isa) for isa in settings.cpu_isas()]
    try:
        backends.module("cuda-emulated")
        found += [Row("cuda-emulated"), Row("cuda-emulated", "sm90a")]
    except RuntimeError:
        pass
    if information.info()["cuda"]["available"] and any(map(find_spec, ("cupy", "torch"))):  # which bring arrays there
        found.append(Row("cuda"))
    return [*found, Row("reference")]


@dataclass(frozen=True)
class Result:
    """One output or gradient beside what it should be."""

    name: str
    actual: Any
    expected: Any
    bound: Any

    def ratio(self):
        """|error| / bound, element by element; infinite throughout where shape or presence differ."""
        if self.expected is None or self.actual is None or self.actual.shape != self.expected.shape:
            return np.array(0.0 if self.actual is None and self.expected is None else np.inf)
        return tolerances.error_over_bound(self.actual, self.expected, self.bound)

    def worst(self):
        ratio = self.ratio()
        return float(ratio.max()) if ratio.size else 0.0

    def __str__(self):
        ratio = self.ratio()
        if self.actual is None or self.expected is None or self.actual.shape != self.expected.shape:
            got, wanted = (None if a is None else f"of shape {a.shape}" for a in (self.actual, self.expected))
            return f"{self.name} is {got}, expected {wanted}"
        place = tuple(map(int, np.unravel_index(np.argmax(ratio), ratio.shape)))
        return (
            f"{self.name}{list(place)} is {self.actual[place]} but {self.expected[place]}: {ratio[place]:.3g} times "
            f"the bound; {np.count_nonzero(ratio > 1)} of {ratio.size} elements break it"
        )


def as_tuple(outputs):
    return outputs if isinstance(outputs, tuple) else (outputs,)


def poison(shape, dtype):
    """Leave NaN (or −1) in memory that the next new arrays of this size are likely to be given."""
    kept = [np.full(shape, -1 if np.dtype(dtype).kind == "i" else np.nan, dtype) for _ in range(8)]
    del kept


def draw_gradients(
    case: Case, arguments: tuple[Any, ...], expected: tuple[Any, ...], rng: np.random.Generator
) -> tuple[Any, ...]:
    """A gradient for each output that has one, laid out as the first input is; None for one that is not there."""
    op, first, made = backends.OPS[case.op], case.inputs[0], []
    described, _ = getattr(backends.ops, case.op + "_infer")(tuple(arguments), False)
    values = [*expected, *[None] * len(op.outputs)]
    for value, spec, has_gradient in zip(values, described, op.has_gradient, strict=False):
        if not has_gradient:
            continue
        dy = None if spec is None else rng.standard_normal(value.shape).astype(numpy_dtype(spec.dtype))
        # not broadcast: sums of equal terms round to one side, which no bound in Σ|terms| · eps allows for
        if dy is not None and dy.ndim == len(first.shape) and first.layout != "broadcast":
            dy = lay_out(dy, first.layout)
        made.append(dy)
    return tuple(made)


class Trial:
    """A case drawn in a dtype: arguments, output gradient, and what the reference makes of them, with bounds."""

    def __init__(self, case: Case, dtype: str, rng: np.random.Generator):
        self.case, self.op = case, backends.OPS[case.op]
        self.dtype = numpy_dtype(case.result or dtype)  # of the outputs
        self.arguments = tuple(case.draw(rng, dtype))
        self.expected = as_tuple(getattr(reference, case.op)(*self.arguments))
        self.bounds = tolerances.bound(case.op, self.arguments, self.expected)
        self.has_backward = any(self.op.has_gradient)
        if self.has_backward:
            self.grad_outputs = draw_gradients(case, self.arguments, self.expected, rng)
            self.expected_gradients = getattr(reference, case.op + "_backward")(*self.grad_outputs, *self.arguments)
            self.gradient_bounds = tolerances.bound_backward(
                case.op, self.grad_outputs, self.arguments, self.expected_gradients
            )

    def forward(self, row: Row, save: bool = True) -> backends.Call:
        """Run forward with poisoned results. What is updated in place is a copy with the same strides."""
        arguments = self.arguments
        if self.op.in_place:
            inputs = zip(self.case.inputs, arguments, strict=False)
            copies = [None if a is None else lay_out(np.array(a), spec.layout) for spec, a in inputs]
            arguments = (*copies, *arguments[len(copies) :])
        for e in self.expected:
            if e is not None:
                poison(e.shape, self.dtype if e.dtype == np.float64 else e.dtype)
        with row.chosen():
            return backends.forward(self.case.op, arguments, save, backend=row.backend)

    def backward(self, row: Row, call: backends.Call, wanted: tuple[bool, ...] | None = None) -> tuple[Any, ...]:
        """Run backward with poisoned results, for the inputs wanted, by default all that have a gradient."""
        n = len(self.op.inputs)
        if wanted is None:
            wanted = tuple(e is not None for e in self.expected_gradients)
        for a in self.arguments[:n]:
            if a is not None:
                poison(a.shape, a.dtype)
        with row.chosen():
            return backends.backward(call, self.grad_outputs, wanted)

    def outputs(self, call: backends.Call) -> list[Result]:
        """The outputs of a call beside the reference's."""
        updated = [i for i, is_updated in enumerate(self.op.updated) if is_updated]
        made = [y for y in zip(self.op.outputs, call.outputs, strict=True) if y[1] is not None or not updated]
        made += [(self.op.inputs[i], call.arguments[i]) for i in updated]
        expected = [*self.expected, *[None] * (len(made) - len(self.expected))]
        bounds = [*self.bounds, *[None] * (len(made) - len(self.bounds))]
        return [Result(name, y, *rest) for (name, y), *rest in zip(made, expected, bounds, strict=True)]

    def gradients(self, made: tuple[Any, ...]) -> list[Result]:
        """Gradients beside the reference's."""
        names = [f"the gradient of {name}" for name in self.op.inputs]
        return [Result(*row) for row in zip(names, made, self.expected_gradients, self.gradient_bounds, strict=True)]
