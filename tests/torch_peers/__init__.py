"""The ops of the table in PyTorch's words: each takes an op's inputs as tensors, then its parameters."""

from . import activations, causal_conv, conv_transpose, losses, pooling, products

_FAMILIES = (products, conv_transpose, causal_conv, pooling, activations, losses)
TORCH = {op: function for family in _FAMILIES for op, function in family.TORCH.items()}

__all__ = ["TORCH"]
