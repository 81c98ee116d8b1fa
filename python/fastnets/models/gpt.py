"""GPT: a Transformer that predicts the next token from all before it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import arrays, io, nn, parts, random
from ..nn import arguments
from ..nn.composite import Composite
from ..nn.key_value_cache import KeyValueCache
from ..nn.tree import Array
from .language_model import LanguageModel

__all__ = ["GPT"]

_ACTIVATIONS = {
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu": "gelu",
    "relu": "relu",
    "silu": "silu",
}

# names in a layer h.N of the published files and here; a matrix there is (in, out)
_LAYER = {
    "ln_1": "norm1",
    "attn.c_attn": "self_attn.in_proj",
    "attn.c_proj": "self_attn.out_proj",
    "ln_2": "norm2",
    "mlp.c_fc": "linear1",
    "mlp.c_proj": "linear2",
}


class GPT(LanguageModel, Composite):
    """Embeddings of tokens and places, causal Transformer layers, and the logits of the next token, as GPT-2 has them.

    ``logits[n, t] = head(norm(decoder(embedding(tokens) + positions)))[n, t]``; the head's weight is the embedding's.

    Parameters
    ----------
    vocabulary : int or str
        The number of tokens, or their characters; with characters `generate` and `encode` take text.
    embedding_dim, num_layers, num_heads : int
        Features, layers, and heads that share the features.
    max_length : int
        How many positions there are.
    dropout : float
        In training, the probability of each dropout.
    dim_feedforward : int, optional
        Features between the two linear maps of a layer, by default 4 · embedding_dim.
    activation : "gelu_tanh", "gelu", "relu" or "silu"
    layer_norm_eps : float
        Of the norms.
    tied : bool
        Whether the head's weight is the embedding's.

    Raises
    ------
    ValueError
        For sizes below 1, heads that do not divide the features, a character that occurs twice; when called, for more
        positions than max_length.

    Notes
    -----
    ``model(tokens)`` takes integers (N, T) and returns the logits (N, T, vocabulary). ``model(tokens, cache=cache)``,
    with a cache from `make_cache`, takes the tokens behind those that the cache has seen. Matrices are drawn from
    N(0, 0.02²), those in front of sums from a distribution narrower by √(2 · num_layers).

    References
    ----------
    Radford and others: Language models are unsupervised multitask learners, 2019

    Examples
    --------
    >>> import fastnets as fn
    >>> fn.random.seed(0)
    >>> model = fn.models.GPT("abc ", embedding_dim=8, num_layers=2, num_heads=2, max_length=16).eval()
    >>> model(model.encode("a cab")[None]).shape
    (1, 5, 4)
    >>> len(model.generate("a", length=7, seed=1))
    7
    """

    def __init__(
        self,
        vocabulary: int | str,
        embedding_dim: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        max_length: int = 1024,
        dropout: float = 0.1,
        *,
        dim_feedforward: int | None = None,
        activation: str = "gelu_tanh",
        layer_norm_eps: float = 1e-5,
        tied: bool = True,
    ) -> None:
        name = type(self).__name__
        size = self._take_vocabulary(vocabulary)
        width = arguments.integer(name, "embedding_dim", embedding_dim, least=1)
        self.max_length = arguments.integer(name, "max_length", max_length, least=1)
        hidden = 4 * width if dim_feedforward is None else dim_feedforward
        self.embedding = nn.Embedding(size, width)
        self.positions = nn.Embedding(self.max_length, width)
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            width, num_heads, hidden, dropout, activation, layer_norm_eps, batch_first=True, norm_first=True
        )
        self.decoder = nn.TransformerEncoder(layer, num_layers, nn.LayerNorm(width, layer_norm_eps))
        self.head = nn.Linear(width, size, bias=False)
        if tied:
            self.head.weight = nn.Parameter(self.embedding.weight)
        self._draw_parameters(num_layers)

    def _draw_parameters(self, num_layers: int) -> None:
        drawn = {}
        for name, array in self.named_parameters():
            before_sum = name.endswith(("out_proj.weight", "linear2.weight"))
            if array.ndim > 1:
                std = 0.02 / (2 * num_layers) ** 0.5 if before_sum else 0.02
                drawn[name] = random.normal(0.0, std, array.shape)
            elif name.endswith("bias"):
                drawn[name] = np.zeros(array.shape, np.float32)
        self.load_state_dict(drawn, strict=False)

    def forward(self, tokens: Array, *, cache: KeyValueCache | None = None) -> Array:
        return self.head(self._hidden(tokens, cache))

    def _hidden(self, tokens: Array, cache: KeyValueCache | None) -> Array:
        """What the head makes logits of, (N, T, embedding_dim)."""
        shape = tuple(getattr(tokens, "shape", ()))
        if len(shape) != 2:
            raise ValueError(f"{type(self).__name__}: tokens have shape {shape} but (N, T) is expected")
        begin = 0 if cache is None else cache.length
        end = begin + shape[1]
        if end > self.max_length:
            raise ValueError(
                f"{type(self).__name__}: tokens have {end} positions but at most max_length {self.max_length} "
                "are expected"
            )
        places = np.broadcast_to(np.arange(begin, end), shape)
        vectors = parts.add(self.embedding(tokens), self.positions(arrays.beside(tokens, places)))
        return self.decoder(self.dropout(vectors), is_causal=True, cache=cache)

    def make_cache(self, batch_size: int, max_length: int | None = None) -> KeyValueCache:
        """Room for the keys and values of `max_length` positions, by default all, of `batch_size` sequences."""
        return self.decoder.make_cache(batch_size, self.max_length if max_length is None else max_length)

    def _first_state(self, prompt: int, length: int) -> KeyValueCache:
        if prompt + length - 1 > self.max_length:
            raise ValueError(
                f"{type(self).__name__}.generate: a prompt of {prompt} tokens and {length} more do not fit into "
                f"max_length {self.max_length}"
            )
        return self.make_cache(1, prompt + length)

    def _next_logits(self, tokens: Array, state: KeyValueCache) -> tuple[Array, KeyValueCache]:
        return self.head(self._hidden(tokens, state)[:, -1]), state

    # ---- published weights -----------------------------------------------------------------------------------------

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> GPT:
        """Read a model in the published layout of GPT-2: ``config.json`` and ``model.safetensors``.

        Parameters
        ----------
        folder : str or path-like
            Where both files are.

        Returns
        -------
        GPT
            In eval mode, float32.

        Raises
        ------
        FileNotFoundError
            If a file is missing.
        ValueError
            For a configuration of another model or with what is not served, and for weights that are missing.
        """
        folder = Path(folder)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        _check(cls.__name__, config)
        model = cls(
            config["vocab_size"],
            config["n_embd"],
            config["n_layer"],
            config["n_head"],
            config["n_positions"],
            config.get("resid_pdrop", 0.1),
            dim_feedforward=config.get("n_inner"),
            activation=_ACTIVATIONS[config.get("activation_function", "gelu_new")],
            layer_norm_eps=config.get("layer_norm_epsilon", 1e-5),
            tied=config.get("tie_word_embeddings", True),
        )
        weights = io.load_safetensors(folder / "model.safetensors")
        model.load_state_dict(_renamed(cls.__name__, weights, config))
        return model.eval()


def _check(name: str, config: Mapping[str, Any]) -> None:
    expected: dict[str, tuple[Any, ...]] = {
        "model_type": ("gpt2",),
        "activation_function": ("gelu_new", *_ACTIVATIONS),
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
    }
    for key, served in expected.items():
        value = config.get(key, served[0])
        if value not in served:
            listed = ", ".join(map(repr, dict.fromkeys(served)))
            raise ValueError(f"{name}.from_pretrained: {key} is {value!r} but one of {listed} is expected")
    missing = [key for key in ("vocab_size", "n_embd", "n_layer", "n_head", "n_positions") if key not in config]
    if missing:
        raise ValueError(f"{name}.from_pretrained: config.json lacks {', '.join(missing)}")


def _renamed(name: str, weights: Mapping[str, Array], config: Mapping[str, Any]) -> dict[str, Array]:
    """The published weights under the names of `GPT`."""
    weights = {key.removeprefix("transformer."): array for key, array in weights.items()}
    wanted = {"wte.weight": "embedding.weight", "wpe.weight": "positions.weight"}
    wanted |= {f"ln_f.{kind}": f"decoder.norm.{kind}" for kind in ("weight", "bias")}
    for n in range(config["n_layer"]):
        for published, own in _LAYER.items():
            for kind in ("weight", "bias"):
                joint = "_" if own.endswith("in_proj") else "."
                wanted[f"h.{n}.{published}.{kind}"] = f"decoder.layers.{n}.{own}{joint}{kind}"
    head = "wte.weight" if config.get("tie_word_embeddings", True) else "lm_head.weight"
    missing = [key for key in (*wanted, head) if key not in weights]
    if missing:
        raise ValueError(f"{name}.from_pretrained: model.safetensors lacks {', '.join(missing)}")
    is_turned = (".c_attn.weight", ".c_proj.weight", ".c_fc.weight")
    state = {own: weights[key].T if key.endswith(is_turned) else weights[key] for key, own in wanted.items()}
    return {**state, "head.weight": weights[head]}
