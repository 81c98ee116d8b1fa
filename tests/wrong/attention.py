"""Attention called right and wrong."""

import numpy as np

from .values import inf, nan, normal

# fmt: off
RIGHT = {
    "scaled_dot_product_attention": ("attention", dict(
        query=normal(2, 4, 5, 8), key=normal(2, 2, 7, 8), value=normal(2, 2, 7, 3), attn_mask=normal(2, 1, 5, 7),
        dropout_p=0.1, is_causal=False, scale=0.3, enable_gqa=True, causal_alignment="lower_right", window_size=(3, -1),
        alibi_slopes=normal(4), softcap=2.0, sinks=normal(4), seed=1, return_lse=False,
        key_lengths=np.array([7, 2]))),
    "varlen_attention": ("attention", dict(
        query=normal(9, 4, 8), key=normal(11, 2, 8), value=normal(11, 2, 3), cu_seqlens_q=np.array([0, 4, 9]),
        cu_seqlens_k=np.array([0, 11, 11]), dropout_p=0.0, is_causal=True, scale=None, enable_gqa=True, seed=3)),
}
# fmt: on

_SDPA, _VARLEN = "scaled_dot_product_attention", "varlen_attention"
WRONG = [
    (_SDPA, "query", normal(8), ValueError, ["8"]),
    (_SDPA, "query", normal(2, 3, 5, 8), ValueError, ["3", "2", "heads"]),
    (_SDPA, "query", normal(3, 4, 5, 8), ValueError, ["(2, 2, 7, 8)", "3"]),
    (_SDPA, "key", normal(2, 2, 7, 9), ValueError, ["(2, 2, 7, 9)", "8"]),
    (_SDPA, "key", normal(2, 7, 8), ValueError, ["(2, 7, 8)", "(2, 4, 5, 8)"]),
    (_SDPA, "key", normal(2, 2, 7, 8, dtype=np.float64), TypeError, ["float64", "float32", "astype"]),
    (_SDPA, "value", normal(2, 2, 6, 3), ValueError, ["(2, 2, 6, 3)", "7"]),
    (_SDPA, "value", normal(2, 4, 7, 3), ValueError, ["(2, 4, 7, 3)", "2", "heads"]),
    (_SDPA, "value", normal(2, 2, 7, 3, dtype=np.float16), TypeError, ["float16"]),
    (_SDPA, "enable_gqa", False, ValueError, ["4", "2", "heads"]),
    (_SDPA, "attn_mask", normal(2, 3, 5, 7), ValueError, ["(2, 3, 5, 7)", "(2, 4, 5, 7)"]),
    (_SDPA, "attn_mask", normal(1, 2, 1, 5, 7), ValueError, ["(1, 2, 1, 5, 7)"]),
    (_SDPA, "attn_mask", normal(5, 7, dtype=np.float64), TypeError, ["float64"]),
    (_SDPA, "attn_mask", np.ones((5, 7), np.int64), TypeError, ["int64", "bool"]),
    (_SDPA, "dropout_p", 1.1, ValueError, ["1.1"]),
    (_SDPA, "dropout_p", -0.1, ValueError, ["-0.1"]),
    (_SDPA, "dropout_p", nan, ValueError, ["nan"]),
    (_SDPA, "scale", nan, ValueError, ["nan"]),
    (_SDPA, "scale", "1", TypeError, ["'1'"]),
    (_SDPA, "causal_alignment", "lower", ValueError, ["lower", "lower_right"]),
    (_SDPA, "window_size", (-2, 1), ValueError, ["-2"]),
    (_SDPA, "window_size", (1, -2), ValueError, ["-2"]),
    (_SDPA, "window_size", 3, ValueError, ["3"]),
    (_SDPA, "window_size", (1, 2, 3), ValueError, ["(1, 2, 3)"]),
    (_SDPA, "softcap", -1.0, ValueError, ["-1"]),
    (_SDPA, "softcap", nan, ValueError, ["nan"]),
    (_SDPA, "softcap", inf, ValueError, ["inf"]),
    (_SDPA, "alibi_slopes", normal(2), ValueError, ["(2,)", "4"]),
    (_SDPA, "alibi_slopes", normal(4, dtype=np.float64), TypeError, ["float64"]),
    (_SDPA, "sinks", normal(4, 1), ValueError, ["(4, 1)", "4"]),
    (_SDPA, "key_lengths", np.array([8, 2]), ValueError, ["8", "7"]),
    (_SDPA, "key_lengths", np.array([-1, 2]), ValueError, ["-1"]),
    (_SDPA, "key_lengths", np.array([1, 2, 3]), ValueError, ["(3,)", "(2,)"]),
    (_SDPA, "key_lengths", np.array([1.0, 2.0]), TypeError, ["float64"]),
    (_VARLEN, "query", normal(1, 9, 4, 8), ValueError, ["(1, 9, 4, 8)"]),
    (_VARLEN, "cu_seqlens_q", np.array([0, 5, 4, 9]), ValueError, ["5", "4"]),
    (_VARLEN, "cu_seqlens_q", np.array([0, 4, 10]), ValueError, ["10", "9"]),
    (_VARLEN, "cu_seqlens_q", np.array([1, 4, 9]), ValueError, ["1"]),
    (_VARLEN, "cu_seqlens_q", np.array([0, 4, 8]), ValueError, ["8", "9"]),
    (_VARLEN, "cu_seqlens_q", np.array([0, 4, 5, 9]), ValueError, ["(4,)", "(3,)"]),
    (_VARLEN, "cu_seqlens_k", np.array([0, -3, 11]), ValueError, ["-3"]),
    (_VARLEN, "cu_seqlens_k", np.array([0.0, 3.0, 11.0]), TypeError, ["float64"]),
    (_VARLEN, "cu_seqlens_k", np.zeros((2, 2), np.int64), ValueError, ["(2, 2)"]),
    (_VARLEN, "cu_seqlens_k", np.zeros(0, np.int64), ValueError, ["(0,)"]),
]
