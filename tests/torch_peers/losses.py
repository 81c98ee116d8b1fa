"""Losses."""

import torch.nn.functional as F


def torch_cross_entropy(x, target, w, ignore_index, reduction, smoothing):
    target = target if target.is_floating_point() else target.long()
    return F.cross_entropy(x, target, w, None, ignore_index, None, reduction, smoothing)


def torch_nll_loss(x, target, w, ignore_index, reduction):
    return F.nll_loss(x, target.long(), w, None, ignore_index, None, reduction)


def torch_mse_loss(x, target, w, reduction):
    return F.mse_loss(x, target, None, None, reduction, w)


def torch_binary_cross_entropy_with_logits(x, target, w, p, reduction):
    return F.binary_cross_entropy_with_logits(x, target, w, None, None, reduction, p)


TORCH = {
    "cross_entropy": torch_cross_entropy,
    "nll_loss": torch_nll_loss,
    "mse_loss": torch_mse_loss,
    "binary_cross_entropy_with_logits": torch_binary_cross_entropy_with_logits,
}
