"""The op table (``csrc/core/ops.h``) as Python sees it: what each op takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import _cpu

__all__ = ["OPS", "Op"]


@dataclass(frozen=True)
class Op:
    """One row of the op table: its name and the names of what it takes and gives."""

    name: str
    inputs: list[str]
    parameters: list[str]
    outputs: list[str]
    saved: list[str]
    differentiable: tuple[bool, ...]  # of inputs
    optional: tuple[bool, ...]
    updated: tuple[bool, ...]  # which inputs are written to
    has_gradient: tuple[bool, ...]  # of outputs
    parameter_types: tuple[str, ...]  # as torch's schemas call them; "Tensor" is a seed

    @property
    def in_place(self) -> bool:
        """Whether inputs are written to."""
        return any(self.updated)

    @classmethod
    def of(cls, name: str, row: dict[str, Any]) -> Op:
        inputs, outputs, parameters = row["inputs"], row["outputs"], row["parameters"]
        return cls(
            name=name,
            inputs=[n for n, *_ in inputs],
            parameters=[n for n, _ in parameters],
            outputs=[n for n, _ in outputs],
            saved=list(row["saved"]),
            differentiable=tuple(d for _, d, _, _ in inputs),
            optional=tuple(o for _, _, o, _ in inputs),
            updated=tuple(w for *_, w in inputs),
            has_gradient=tuple(d for _, d in outputs),
            parameter_types=tuple(t for _, t in parameters),
        )


OPS = {name: Op.of(name, row) for name, row in _cpu.op_table.items()}
