"""Losses."""

import torch.nn.functional as F


def torch_cross_entropy(x, target, w, ignore_index, reduction, smoothing):
    target = target if target.is_floating_point() else target.long()
    return F.cross_entropy(x, target, w, None, ignore_index, None, reduction, smoothing)


TORCH = {"cross_entropy": torch_cross_entropy}
