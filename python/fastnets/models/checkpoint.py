"""BERT's published files: what a folder holds, the fields of config.json, and the weights under our names."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from .. import io

__all__ = ["configuration", "existing_folder", "read_json", "renamed", "weights"]

_FIELDS = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act",
    "hidden_dropout_prob", "attention_probs_dropout_prob", "max_position_embeddings", "type_vocab_size",
    "initializer_range", "layer_norm_eps", "pad_token_id",
)  # fmt: skip
_REQUIRED = _FIELDS[:5]

# A layer's published names and ours; of the three that are joined, the place.
_LAYER = {
    "attention.self.query": ("self_attn.in_proj_", 0),
    "attention.self.key": ("self_attn.in_proj_", 1),
    "attention.self.value": ("self_attn.in_proj_", 2),
    "attention.output.dense": ("self_attn.out_proj.", None),
    "attention.output.LayerNorm": ("norm1.", None),
    "intermediate.dense": ("linear1.", None),
    "output.dense": ("linear2.", None),
    "output.LayerNorm": ("norm2.", None),
}
_EMBEDDINGS = ("word_embeddings.weight", "position_embeddings.weight", "token_type_embeddings.weight")
_OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}

Weights = dict[str, np.ndarray[Any, Any]]


def existing_folder(model: str, folder: str | os.PathLike[str]) -> Path:
    """The folder as a path; FileNotFoundError where there is none."""
    path = Path(folder)
    if not path.is_dir():
        raise FileNotFoundError(f"{model}: {path} is no folder; expected one with config.json and model.safetensors")
    return path


def read_json(path: Path, kind: type = dict) -> Any:
    """What a file of the layout holds, an object or a list; ValueError for anything else."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; expected a folder with the files that Hugging Face publishes")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # also what is no UTF-8
        raise ValueError(f"{path} is no JSON file: {error}") from None
    if not isinstance(content, kind):
        raise ValueError(f"{path} holds {type(content).__name__} but {kind.__name__} is expected")
    return content


def configuration(folder: Path) -> dict[str, Any]:
    """What `Bert` is constructed with, from config.json; ValueError for a model that is none or differs from it."""
    path = folder / "config.json"
    config = read_json(path)
    expected = {"model_type": "bert", "position_embedding_type": "absolute", "is_decoder": False}
    for key, value in expected.items():
        found = config.get(key, value)
        if key == "model_type" and key not in config:
            found = None
        if found != value:
            raise ValueError(f"{path}: {key} is {found!r} but {value!r} is expected")
    missing = [key for key in _REQUIRED if key not in config]
    if missing:
        raise ValueError(f"{path}: missing: {', '.join(missing)}")
    return {key: config[key] for key in _FIELDS if key in config}


def weights(folder: Path, layers: int) -> Weights:
    """The weights of model.safetensors under our names, queries, keys and values joined.

    Names may begin with ``bert.``; what belongs neither to the embeddings nor to the encoder is left out.
    """
    path = folder / "model.safetensors"
    if not path.is_file():
        others = [name for name in ("pytorch_model.bin", "model.safetensors.index.json") if (folder / name).is_file()]
        hint = f" ({others[0]} is there, but is not served)" if others else ""
        raise FileNotFoundError(f"{path} is missing{hint}")
    published = _published(io.load_safetensors(path))
    missing = [name for name in _names(layers) if name not in published]
    unexpected = sorted(published.keys() - set(_names(layers)))
    if missing or unexpected:
        kinds = zip(("missing", "unexpected"), (missing, unexpected), strict=True)
        listed = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds if names)
        raise ValueError(f"{path} does not hold the weights that config.json asks for; {listed}")
    return renamed(published, layers)


def _published(state: Weights) -> Weights:
    """Those of the embeddings and the encoder, without prefix, under today's names."""
    found = {}
    for name, array in state.items():
        name = name.removeprefix("bert.")
        for old, new in _OLD_NAMES.items():
            name = name.replace(old, new)
        if re.match(r"(embeddings|encoder)\.", name) and name != "embeddings.position_ids":
            found[name] = array
    return found


def _names(layers: int) -> list[str]:
    norm = [f"embeddings.LayerNorm.{kind}" for kind in ("weight", "bias")]
    behind = [f"{part}.{kind}" for part in _LAYER for kind in ("weight", "bias")]
    return [
        *(f"embeddings.{table}" for table in _EMBEDDINGS),
        *norm,
        *(f"encoder.layer.{i}.{name}" for i in range(layers) for name in behind),
    ]


def renamed(published: Weights, layers: int) -> Weights:
    """Published weights, or gradients, of so many layers under our names."""
    state = {name: array for name, array in published.items() if name.startswith("embeddings.")}
    for i in range(layers):
        for kind in ("weight", "bias"):
            joined = {}
            for part, (ours, place) in _LAYER.items():
                array = published[f"encoder.layer.{i}.{part}.{kind}"]
                if place is None:
                    state[f"encoder.layers.{i}.{ours}{kind}"] = array
                else:
                    joined[place] = array
            state[f"encoder.layers.{i}.self_attn.in_proj_{kind}"] = np.concatenate([joined[n] for n in range(3)])
    return state
