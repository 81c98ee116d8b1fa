"""Cases of attention: query, key, value, attn_mask, alibi_slopes, sinks, key_lengths, cu_seqlens_q, cu_seqlens_k;
dropout_p, is_causal, scale, enable_gqa, causal_alignment, window_left, window_right, softcap, seed, return_lse."""

from dataclasses import dataclass

import numpy as np

from .case import FLOATS, Array, Case, StateWeights, Weights


@dataclass(frozen=True)
class Seen(Array):
    """Booleans, true with probability ``scale``."""

    def values(self, rng):
        return rng.random(self.shape) < self.scale

    def dtype(self, dtype):
        return np.dtype(bool)


def _patched(values, hidden, seen):
    """Whole tiles of a mask that hide, and whole ones that do not."""
    values[..., 16:48, :200] = hidden
    values[..., 48:80, :] = seen
    return values


@dataclass(frozen=True)
class SeenInPatches(Seen):
    """Booleans of which whole tiles are alike."""

    def values(self, rng):
        return _patched(super().values(rng), hidden=False, seen=True)


@dataclass(frozen=True)
class HiddenInPatches(Array):
    """Numbers to add, −∞ in whole tiles."""

    def values(self, rng):
        return _patched(super().values(rng), hidden=-np.inf, seen=0.0)


@dataclass(frozen=True)
class Given(Array):
    """Given integers."""

    numbers: tuple = ()
    integer: str = "int64"

    def values(self, rng):
        return np.array(self.numbers)

    def dtype(self, dtype):
        return np.dtype(self.integer)


def given(*numbers, integer="int64"):
    return Given((len(numbers),), numbers=numbers, integer=integer)


def _case(
    query,
    *,
    heads=None,
    keys=None,
    width=None,
    mask=None,
    slopes=None,
    sinks=None,
    lengths=None,
    packed=None,
    dropout_p=0.0,
    is_causal=False,
    scale=None,
    alignment="upper_left",
    window=(-1, -1),
    softcap=0.0,
    lse=False,
    layout="contiguous",
    dtypes=FLOATS,
):
    """`query` (…, H, Sq, D), or (total, H, D) with `packed`, two cu_seqlens; `heads` Hk, `keys` Sk, `width` Dv."""
    if packed:
        lead, H, D = (packed[1][-1], heads or query[1]), query[1], query[-1]
        shapes = (*lead, D), (*lead, width or D)
    else:
        *lead, Sq, D = query
        H = lead[-1] if lead else 1
        if lead and heads:
            lead[-1] = heads
        shapes = (*lead, keys or Sq, D), (*lead, keys or Sq, width or D)
    cu_seqlens = (given(*packed[0]), given(*packed[1], integer="int32")) if packed else (None, None)
    inputs = (
        Array(query, layout),
        *(Array(shape, layout) for shape in shapes),
        mask,
        slopes and slopes((H,)),
        sinks and sinks((H,)),
        lengths and given(*lengths),
        *cu_seqlens,
    )
    scale = 1 / np.sqrt(D) if scale is None else scale
    options = (dropout_p, is_causal, scale, heads is not None, alignment, *window, softcap, 7, lse)
    return Case("attention", inputs, options, dtypes)


CASES = [
    _case((5, 8)),
    _case((3, 17, 4), lse=True),
    _case((2, 3, 17, 8), keys=33, width=5),
    _case((1, 2, 130, 20), keys=450, lse=True),  # several blocks of queries and of keys
    _case((2, 1, 3, 9, 4), keys=7, is_causal=True),
    _case((2, 3, 1, 7), keys=211, lse=True),  # one query
    _case((1, 1, 3, 1), keys=5, width=1),
    # several heads share keys
    _case((2, 4, 67, 8), heads=2, keys=201, is_causal=True),
    _case((2, 4, 67, 8), heads=1, keys=201, is_causal=True, alignment="lower_right", lse=True),
    # causality and windows
    _case((1, 2, 201, 8), keys=67, is_causal=True, alignment="lower_right", lse=True),  # queries that see nothing
    _case((1, 2, 201, 8), keys=267, window=(10, 5)),
    _case((1, 2, 201, 8), keys=267, window=(70, -1), alignment="lower_right", softcap=2.0),
    _case((1, 2, 65, 8), window=(-1, 0)),
    _case((1, 2, 65, 8), window=(3, 40), is_causal=True),
    # masks
    _case((2, 2, 41, 8), keys=267, mask=Seen((2, 1, 41, 267), scale=0.7), lse=True),
    _case((2, 2, 41, 8), keys=67, mask=Seen((67,), scale=0.5), is_causal=True),
    _case((2, 2, 9, 8), keys=7, mask=Seen((2, 2, 9, 7), scale=0.1)),  # queries that see nothing
    _case((2, 2, 41, 8), keys=267, mask=Array((2, 2, 41, 267)), softcap=1.5),
    _case((2, 2, 81, 8), keys=67, mask=Array((2, 1, 1, 67)), is_causal=True),
    # but for the sink's share, its gradients cancel: half precision leaves nothing to judge
    _case((2, 2, 81, 8), keys=67, mask=Array((1, 81, 1)), dropout_p=0.3, sinks=Array, dtypes=("float32", "float64")),
    _case((2, 2, 81, 8), keys=67, mask=Array(())),
    _case((2, 2, 41, 8), keys=67, mask=Array((41, 67), "transposed")),
    _case((1, 2, 90, 8), keys=267, mask=SeenInPatches((90, 267), scale=0.7), lse=True),
    _case((1, 2, 90, 8), keys=267, mask=SeenInPatches((2, 90, 267), scale=0.7), is_causal=True, softcap=2.0),
    _case((1, 2, 90, 8), keys=267, mask=HiddenInPatches((90, 267)), dropout_p=0.2),
    _case((2, 2, 41, 8), keys=267, mask=Seen((2, 1, 1, 267), scale=0.7)),
    # slopes and sinks
    _case((2, 3, 70, 8), slopes=Weights),
    _case((2, 3, 70, 8), keys=33, slopes=StateWeights, alignment="lower_right", lse=True),
    _case((2, 3, 70, 8), keys=33, sinks=Array, is_causal=True, lse=True),
    _case((2, 3, 20, 8), sinks=StateWeights, dropout_p=0.2, softcap=3.0),
    # dropout, scale
    _case((2, 2, 2, 9, 4), keys=7, dropout_p=0.5),
    _case((2, 2, 70, 4), keys=201, dropout_p=0.1, is_causal=True, lse=True),
    _case((1, 2, 70, 8), keys=132, dropout_p=0.3, window=(100, 20)),
    _case((2, 2, 9, 4), dropout_p=1.0),
    _case((2, 2, 9, 4), scale=0.0),
    _case((2, 2, 9, 4), scale=-0.7),
    # lengths and packed sequences
    _case((3, 2, 41, 8), keys=67, lengths=(67, 0, 13), lse=True),
    _case((3, 4, 4, 8), heads=2, keys=267, lengths=(267, 1, 200), is_causal=True, alignment="lower_right"),
    _case((100, 4, 8), heads=2, packed=((0, 10, 10, 75, 100), (0, 20, 21, 150, 150)), lse=True, is_causal=True),
    _case((100, 3, 8), packed=((0, 10, 10, 75, 100), (0, 20, 21, 150, 150)), width=5, dropout_p=0.2, sinks=Array),
    _case((30, 2, 8), packed=((0, 7, 30), (0, 7, 30)), slopes=Weights, window=(5, 2)),
    _case((0, 2, 8), packed=((0,), (0,))),
    # few queries: pieces of the keys, heads that share them, all options
    _case((1, 4, 1, 20), heads=2, keys=700, lse=True),
    _case((1, 6, 1, 8), heads=2, keys=40, width=70),
    _case((2, 4, 1, 33), heads=4, keys=300, width=17, sinks=Array, lse=True),
    _case((3, 8, 3, 8), heads=1, keys=300, lengths=(300, 0, 1), is_causal=True, alignment="lower_right", lse=True),
    _case((3, 4, 2, 8), heads=2, keys=601, lengths=(257, 31, 600), sinks=Array, slopes=Weights),
    _case((2, 4, 2, 8), heads=2, keys=300, mask=Seen((2, 1, 2, 300), scale=0.1), scale=-0.7),
    _case((2, 4, 8, 8), heads=2, keys=300, mask=Array((4, 8, 300)), softcap=1.5, lse=True),
    _case((2, 2, 5, 8), keys=300, mask=Array((5, 300), "transposed"), slopes=Weights),
    _case((1, 2, 7, 8), keys=700, window=(300, 20), alignment="lower_right"),
    _case((1, 2, 4, 8), keys=300, window=(1, 2), is_causal=True, lse=True),
    # heads of usual widths
    _case((1, 2, 150, 64), heads=1, keys=290, is_causal=True, lse=True),
    _case((1, 1, 70, 80), keys=140, width=128, window=(90, 20), sinks=Array),
    _case((1, 2, 40, 128), keys=270, width=72, is_causal=True, alignment="lower_right"),
    # wide heads, empty arrays
    _case((1, 2, 70, 100), keys=90, width=120, is_causal=True),
    _case((1, 2, 70, 160), keys=45, width=200),
    _case((1, 2, 40, 140), keys=33, mask=Array((40, 33)), softcap=2.0),
    _case((2, 30, 600), keys=20, width=530),
    _case((2, 2, 0, 8), keys=7),
    _case((0, 2, 3, 8)),
    # layouts
    *[_case((2, 3, queries, 8), keys=21, layout=layout) for queries in (17, 3) for layout in
      ("transposed", "rows", "strided", "negative", "broadcast", "offset", "readonly")],
]  # fmt: skip

# Each option at least once, for what takes too long on all cases.
EVERY_OPTION = [
    _case((3, 17, 4), lse=True),  # few terms: errors are near their bounds
    _case((1, 2, 70, 40), keys=90, width=70, lse=True),  # two blocks of queries, three of keys
    _case((1, 1, 20, 140), keys=40, width=150, is_causal=True),  # wider than tiles
    _case((1, 2, 81, 8), keys=67, mask=Array((1, 81, 1)), dropout_p=0.3, sinks=Array, lse=True),
    _case((2, 4, 9, 8), heads=2, keys=68, mask=Array((2, 1, 9, 68)), softcap=1.5, slopes=Weights, dropout_p=0.2),
    _case((2, 2, 41, 8), keys=67, mask=Seen((67,), scale=0.5), scale=-0.7),
    _case((1, 2, 90, 8), keys=132, window=(40, 20), alignment="lower_right", layout="offset"),
    _case((3, 4, 4, 8), heads=2, keys=67, lengths=(67, 0, 13), is_causal=True, alignment="lower_right"),
    _case((50, 4, 8), heads=2, packed=((0, 10, 10, 50), (0, 20, 21, 70)), lse=True, is_causal=True),
    _case((1, 4, 1, 20), heads=2, keys=300, lse=True),  # pieces of the keys
]

LARGE = [
    _case((2, 4, 300, 40), heads=2, keys=500, is_causal=True, lse=True),
    _case((1, 1, 700, 16), keys=1300),  # keys are split over tasks
    _case((3, 2, 90, 16), mask=Array((2, 90, 90)), sinks=Array),
    _case((2, 8, 1, 40), heads=2, keys=3000, lengths=(3000, 700), lse=True),
]

BATCHED = [
    _case((5, 2, 70, 8)),
    _case((5, 2, 70, 8), is_causal=True, softcap=2.0),
    _case((5, 4, 2, 8), heads=2, keys=600),
]
