"""fastnets on torch tensors: its ops under torch's autograd."""
