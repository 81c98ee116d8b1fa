"""The families of workloads: each lists, as data, what it is measured at."""

from __future__ import annotations

from fastnets.backends import OPS

from ..workload import Workload
from . import conv, linear

__all__ = ["FAMILIES", "served"]

FAMILIES: dict[str, list[Workload]] = {
    "linear": linear.WORKLOADS,
    "conv": conv.WORKLOADS,
}


def served(family: str) -> list[Workload]:
    """Return those workloads of a family whose op this build has."""
    return [workload for workload in FAMILIES[family] if workload.op in OPS]
