"""The families of workloads: each lists, as data, what it is measured at."""

from __future__ import annotations

from fastnets.backends import OPS

from ..workload import Workload
from . import activation, conv, linear, losses, optimizers, pooling, recurrent

__all__ = ["FAMILIES", "served"]

FAMILIES: dict[str, list[Workload]] = {
    "linear": linear.WORKLOADS,
    "conv": conv.WORKLOADS,
    "max_pool": pooling.WORKLOADS,
    "recurrent": recurrent.WORKLOADS,
    "activation": activation.WORKLOADS,
    "cross_entropy": losses.WORKLOADS,
    "adamw": optimizers.WORKLOADS,
}


def served(family: str, device: str = "cpu") -> list[Workload]:
    """Return those workloads of a family whose op this build has, and which make sense on a device."""
    return [workload for workload in FAMILIES[family] if workload.op in OPS and device in workload.devices]
