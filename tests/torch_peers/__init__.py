"""The ops of the table in PyTorch's words: each takes an op's inputs as tensors, then its parameters."""

from . import activations, losses, pooling, products, recurrent

TORCH = {
    op: function
    for family in (products, pooling, activations, losses, recurrent)
    for op, function in family.TORCH.items()
}

__all__ = ["TORCH"]
