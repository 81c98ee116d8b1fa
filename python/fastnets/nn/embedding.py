"""The embedding layer."""

from __future__ import annotations

from functools import partial
from typing import Any

from .. import functional as F
from .. import random
from . import arguments
from .module import Module
from .tree import Array

__all__ = ["Embedding"]


class Embedding(Module):
    """Look up rows of a table: ``y[…, :] = weight[x[…], :]``.

    Parameters
    ----------
    num_embeddings, embedding_dim : int
        Rows and columns of the table.
    padding_idx : int, optional
        A row that begins as zeros and has no gradient; negative numbers count from the end.
    max_norm : None
        Torch's argument that shortens rows in place is not served.
    norm_type : float
        Belongs to `max_norm`.
    scale_grad_by_freq : bool
        Divide the gradient of each row by how often it was looked up.
    sparse : bool
        Sparse gradients are not served: False.
    _weight : array (num_embeddings, embedding_dim), optional
        The table itself, which is not copied.
    _freeze : bool
        Keep the table as a buffer, which has no gradient.
    device, dtype
        Where the table lives, as `Module.to` takes it; float32 NumPy by default.

    Attributes
    ----------
    weight : array (num_embeddings, embedding_dim)
        Initially from N(0, 1), as torch draws it.

    Raises
    ------
    ValueError
        For sizes below 0, a `padding_idx` out of range, a `_weight` of another shape, and for what is not served.

    Notes
    -----
    Input is an array of integers of any shape, output (…, embedding_dim).

    Examples
    --------
    >>> import numpy as np, fastnets as fn
    >>> layer = fn.nn.Embedding(10, 3, padding_idx=0)
    >>> layer(np.array([[0, 4], [7, 0]])).shape
    (2, 2, 3)
    """

    weight: Array

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Array | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if max_norm is not None:
            raise ValueError(f"Embedding: max_norm is {max_norm!r} but None is expected: the table is not changed")
        if sparse:
            raise ValueError(f"Embedding: sparse is {sparse!r} but False is expected: gradients are dense")
        rows = self.num_embeddings = arguments.integer("Embedding", "num_embeddings", num_embeddings, least=0)
        self.embedding_dim = arguments.integer("Embedding", "embedding_dim", embedding_dim, least=0)
        self.padding_idx = _padding_row(padding_idx, rows)
        self.scale_grad_by_freq = bool(scale_grad_by_freq)
        shape = (rows, self.embedding_dim)
        if _weight is None:
            table = random.normal(0.0, 1.0, shape)
            if self.padding_idx is not None:
                table[self.padding_idx] = 0.0
        elif tuple(_weight.shape) == shape:
            table = _weight
        else:
            raise ValueError(f"Embedding: _weight has shape {tuple(_weight.shape)} but {shape} is expected")
        register = self.register_buffer if _freeze else self.register_parameter
        register("weight", table)
        self.to(device=device, dtype=dtype)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Array,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """Return the layer of a table that is there.

        Parameters
        ----------
        embeddings : array (rows, columns)
            The table, which is not copied.
        freeze : bool
            Keep it as a buffer: part of state_dict, but without a gradient and not among the parameters.
        padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse
            As for the layer; the padding row is left as it is.

        Raises
        ------
        ValueError
            If `embeddings` has not two dimensions.

        Examples
        --------
        >>> import numpy as np, fastnets as fn
        >>> fn.nn.Embedding.from_pretrained(np.float32([[1, 2], [3, 4]]))(np.array([1])).tolist()
        [[3.0, 4.0]]
        """
        if len(embeddings.shape) != 2:
            raise ValueError(
                f"Embedding: embeddings has shape {tuple(embeddings.shape)} but two dimensions are expected"
            )
        rows, columns = embeddings.shape
        return cls(
            rows,
            columns,
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def operation(self, input: Array) -> partial[Any]:
        return partial(
            F.embedding,
            input,
            weight=self.weight,
            padding_idx=self.padding_idx,
            scale_grad_by_freq=self.scale_grad_by_freq,
        )

    def extra_repr(self) -> str:
        shown = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            shown += f", padding_idx={self.padding_idx}"
        return shown + (", scale_grad_by_freq=True" if self.scale_grad_by_freq else "")


def _padding_row(padding_idx: int | None, rows: int) -> int | None:
    if padding_idx is None:
        return None
    row = arguments.integer("Embedding", "padding_idx", padding_idx)
    if not -rows <= row < rows:
        raise ValueError(f"Embedding: padding_idx is {row} but the table has {rows} rows")
    return row % rows
