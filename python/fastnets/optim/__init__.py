"""Optimizers that read parameters by name at each step, and schedules that are functions of the step."""

from .adamw import AdamW
from .optimizer import Optimizer, decay_groups
from .schedules import cosine, noam, warmup

__all__ = ["AdamW", "Optimizer", "cosine", "decay_groups", "noam", "warmup"]
