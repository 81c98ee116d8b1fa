"""fastnets on torch tensors.

`fastnets.functional` takes torch tensors by itself. Importing this package also registers the ops with torch, as
``torch.ops.fastnets.*``, so that functions that call them compile:

>>> import torch, fastnets.torch
>>> import fastnets.functional as F
>>> block = torch.compile(lambda x, weight: F.linear(x, weight, activation="relu"), fullgraph=True)
"""

from . import compile

__all__: list[str] = []

compile.install()
