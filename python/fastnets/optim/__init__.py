"""Optimizers that read parameters by name at each step, and schedules that are functions of the step."""

from fastnets.optim.adamw import AdamW
from fastnets.optim.optimizer import Optimizer, decay_groups
from fastnets.optim.schedules import cosine, noam, warmup

__all__ = ["AdamW", "Optimizer", "cosine", "decay_groups", "noam", "warmup"]
