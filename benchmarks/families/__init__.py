"""The families of workloads: each lists, as data, what it is measured at."""

from __future__ import annotations

from fastnets.backends import OPS

from ..workload import Workload
from . import (
    activation,
    attention,
    bert,
    causal_conv1d,
    conv,
    conv_transpose,
    embedding,
    linear,
    losses,
    normalization,
    optimizers,
    pooling,
    positions,
    recurrent,
    resnet,
    softmax,
)

__all__ = ["FAMILIES", "served"]

FAMILIES: dict[str, list[Workload]] = {
    "linear": linear.WORKLOADS,
    "conv": conv.WORKLOADS,
    "conv_transpose": conv_transpose.WORKLOADS,
    "causal_conv1d": causal_conv1d.WORKLOADS,
    "max_pool": pooling.MAXIMA,
    "avg_pool": pooling.AVERAGES,
    "adaptive_avg_pool": pooling.GLOBAL_AVERAGES,
    "batch_norm": normalization.BATCH_NORM,
    "group_norm": normalization.GROUP_NORM,
    "layer_norm": normalization.LAYER_NORM,
    "rms_norm": normalization.RMS_NORM,
    "recurrent": recurrent.WORKLOADS,
    "resnet": resnet.WORKLOADS,
    "attention": attention.WORKLOADS,
    "activation": activation.WORKLOADS,
    "softmax": softmax.WORKLOADS,
    "embedding": embedding.WORKLOADS,
    "rotary_embedding": positions.WORKLOADS,
    "cross_entropy": losses.CROSS_ENTROPY,
    "nll_loss": losses.NLL_LOSS,
    "mse_loss": losses.MSE_LOSS,
    "binary_cross_entropy_with_logits": losses.BINARY_CROSS_ENTROPY,
    "bert": bert.WORKLOADS,
    "sgd": optimizers.SGD,
    "adam": optimizers.ADAM,
}


def served(family: str, device: str = "cpu") -> list[Workload]:
    """Return those workloads of a family whose op this build has, and which make sense on a device."""
    return [workload for workload in FAMILIES[family] if workload.op in OPS and device in workload.devices]
