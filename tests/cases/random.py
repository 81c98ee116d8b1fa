"""Cases of dropout: input; p, seed."""

from .case import Array, Case

CASES = [
    Case("dropout", (Array((1,)),), (0.5, 0)),
    Case("dropout", (Array((3, 7, 17)),), (0.1, 1)),
    Case("dropout", (Array((4099,)),), (0.5, 2**40 + 7)),
    Case("dropout", (Array((33, 65)),), (0.9, 2**63 - 1)),
    Case("dropout", (Array((9, 5)),), (0.0, 3)),
    Case("dropout", (Array((9, 5)),), (1.0, 3)),
    Case("dropout", (Array((0, 5)),), (0.5, 3)),
    Case("dropout", (Array((2, 9, 5, 7), "channels_last"),), (0.3, 11)),  # the mask goes by logical index
    *[Case("dropout", (Array((5, 33), layout),), (0.3, 11))
      for layout in ("transposed", "rows", "strided", "negative", "broadcast", "offset", "readonly")],
]  # fmt: skip

# fmt: off
LARGE = [  # enough for several threads to have work
    Case("dropout", (Array((513, 259)),), (0.3, 7)),
]
# fmt: on
