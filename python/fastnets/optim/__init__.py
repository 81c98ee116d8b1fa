"""Optimizers that read parameters by name at each step, what is done to gradients before it, and schedules that are
functions of the step."""

from .adam import Adam, AdamW
from .gradients import add_grads, clip_grad_norm
from .loss_scaler import LossScaler
from .optimizer import Optimizer, decay_groups
from .schedules import cosine, noam, warmup
from .sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "LossScaler",
    "Optimizer",
    "add_grads",
    "clip_grad_norm",
    "cosine",
    "decay_groups",
    "noam",
    "warmup",
]
