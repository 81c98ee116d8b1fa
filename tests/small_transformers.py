"""Small Transformers whose parameters all take part, in float64, and how far two ways through them may differ."""

import numpy as np

from fastnets import nn

E, H = 8, 2  # features, heads


def randomised(layer, rng, dtype="float64"):
    """Parameters that all take part: torch starts with biases of 0."""
    layer.to(dtype)
    layer.load_state_dict(
        {k: 0.5 * rng.standard_normal(v.shape) + ("norm" in k) for k, v in layer.state_dict().items()}
    )
    return layer


def close(found, expected):
    """Float64 against float64: sums of at most a few hundred terms, in a chain of at most 30 products and norms."""
    bound = 1e-11 * max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)


def gpt(rng, norm_first=True, **options):
    layer = nn.TransformerEncoderLayer(E, H, 16, batch_first=True, norm_first=norm_first, **options)
    return randomised(nn.TransformerEncoder(layer, 2, nn.LayerNorm(E)), rng)


def decoder(rng, batch_first=True):
    layer = nn.TransformerDecoderLayer(E, H, 16, batch_first=batch_first, activation="gelu")
    return randomised(nn.TransformerDecoder(layer, 2, nn.LayerNorm(E)), rng)
