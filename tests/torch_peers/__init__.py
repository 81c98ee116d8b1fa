"""The ops of the table in PyTorch's words: each takes an op's inputs as tensors, then its parameters."""

from . import activations, conv_transpose, losses, pooling, products

TORCH = {
    op: function
    for family in (products, conv_transpose, pooling, activations, losses)
    for op, function in family.TORCH.items()
}

__all__ = ["TORCH"]
