"""Cases of rotary_embedding: input (…, L, D), positions; base, interleaved, rotary_dim."""

from dataclasses import dataclass

import numpy as np

from .case import Array, Case


@dataclass(frozen=True)
class Positions(Array):
    """Integers of both signs, below 2¹⁷ in magnitude."""

    integer: str = "int64"

    def values(self, rng):
        return rng.integers(-(2**17), 2**17, self.shape)

    def dtype(self, dtype):
        return np.dtype(self.integer)


class Consecutive(Positions):
    """Along the last dimension one after the other, from anywhere below 2¹⁶ on."""

    def values(self, rng):
        return rng.integers(-100, 2**16, (*self.shape[:-1], 1)) + np.arange(self.shape[-1])


def _case(
    shape, positions=None, *, base=10000.0, interleaved=False, rotary_dim=-1, kind=Consecutive, integer="int64",
    layouts=("contiguous", "contiguous"),
):  # fmt: skip
    positions = kind((shape[-2],) if positions is None else positions, layouts[1], integer=integer)
    return Case("rotary_embedding", (Array(shape, layouts[0]), positions), (base, interleaved, rotary_dim))


CASES = [
    # widths that vectors divide and not, of all and of some features
    _case((2, 3, 7, 64)),
    _case((2, 3, 7, 64), interleaved=True),
    _case((3, 5, 34), integer="int32"),
    _case((3, 5, 34), interleaved=True, rotary_dim=18, base=500.0),
    _case((3, 5, 37), rotary_dim=26),
    _case((3, 5, 37), rotary_dim=0),
    _case((9, 2), kind=Positions),
    _case((9, 2), interleaved=True, base=1e6),
    # positions: of each sequence, broadcast, alike, one step of decoding
    _case((3, 4, 5, 18), (3, 1, 5), kind=Positions),
    _case((3, 4, 5, 18), (4, 1), kind=Positions, integer="int32"),
    _case((3, 4, 5, 18), (3, 4, 5), kind=Positions, interleaved=True),
    _case((3, 4, 5, 18), (1,), kind=Positions),
    _case((3, 4, 1, 66), (3, 1, 1), kind=Positions, rotary_dim=34),
    # many: consecutive ones share what they compute
    _case((2, 131, 22)),
    _case((2, 131, 22), interleaved=True, kind=Positions),
    _case((5, 1, 67, 10), (5, 1, 67), integer="int32"),
    _case((1, 300, 300)),
    # empty
    _case((0, 5, 6)),
    _case((2, 0, 6)),
    _case((2, 5, 0)),
    # layouts
    _case((2, 3, 5, 18), layouts=("transposed", "contiguous")),
    _case((2, 3, 5, 18), (2, 1, 5), layouts=("rows", "transposed")),
    _case((2, 3, 5, 18), layouts=("strided", "strided"), interleaved=True),
    _case((2, 3, 5, 18), layouts=("negative", "negative"), rotary_dim=10),
    _case((2, 3, 5, 18), layouts=("channels_last", "contiguous")),
    _case((2, 3, 5, 18), layouts=("broadcast", "contiguous")),
    _case((2, 3, 5, 18), layouts=("readonly", "offset"), integer="int32"),
]

LARGE = [  # enough for several threads to have work
    _case((2, 3, 1031, 66)),
    _case((3, 5, 517, 34), (3, 1, 517), interleaved=True, kind=Positions),
]

BATCHED = [_case((5, 3, 37, 34), kind=Positions), _case((5, 3, 131, 18), interleaved=True)]
