"""Attention, in torch's own words where it has them."""

import torch


def torch_attention(q, k, v, mask, slopes, sinks, lengths, cu_q, cu_k, *options):
    p, is_causal, scale, enable_gqa, *_ = options
    mask = mask if mask is None or mask.dtype == torch.bool else mask.to(q.dtype)
    return torch.nn.functional.scaled_dot_product_attention(
        q, k, v, mask, p, is_causal, scale=scale, enable_gqa=enable_gqa
    )


def serves(case):
    """What torch lacks is compared with the reference alone: windows, caps, slopes, sinks, lengths, dropout's masks."""
    q, _, _, mask, slopes, sinks, lengths, packed, _ = case.inputs
    p, is_causal, _, _, alignment, left, right, softcap, _, lse = case.parameters
    lacks = p > 0 or alignment != "upper_left" or (left, right) != (-1, -1) or softcap or lse or (is_causal and mask)
    one_head = len(q.shape) < 3
    return not (lacks or slopes or sinks or lengths or packed or one_head or 0 in q.shape)


TORCH = {"attention": torch_attention}
