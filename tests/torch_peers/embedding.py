"""Rows of a table."""

import torch.nn.functional as F


def torch_embedding(ids, weight, padding_idx, by_freq):
    padding_idx = None if padding_idx == -(2**63) else padding_idx
    return F.embedding(ids.long(), weight, padding_idx, scale_grad_by_freq=by_freq)


TORCH = {"embedding": torch_embedding}
