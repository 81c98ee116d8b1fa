"""A folder with a BERT of toy size, as it would be published, and the same model in plain NumPy."""

import json
import math

import numpy as np

CONFIG = {
    "model_type": "bert",
    "vocab_size": 13,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 9,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "transformers_version": "4.8.2",
}
NORMS = ("attention.output.LayerNorm", "output.LayerNorm")


def shapes(config=CONFIG):
    """The published weights' names and shapes."""
    H, inner = config["hidden_size"], config["intermediate_size"]
    found = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], H),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], H),
        "embeddings.token_type_embeddings.weight": (config["type_vocab_size"], H),
        "embeddings.LayerNorm.weight": (H,),
        "embeddings.LayerNorm.bias": (H,),
    }
    for i in range(config["num_hidden_layers"]):
        sizes = {f"attention.self.{name}": (H, H) for name in ("query", "key", "value")}
        sizes |= {"attention.output.dense": (H, H), "intermediate.dense": (inner, H), "output.dense": (H, inner)}
        for part, shape in sizes.items():
            found[f"encoder.layer.{i}.{part}.weight"] = shape
            found[f"encoder.layer.{i}.{part}.bias"] = shape[:1]
        for norm in NORMS:
            found |= {f"encoder.layer.{i}.{norm}.{kind}": (H,) for kind in ("weight", "bias")}
    return found


def draw(rng, config=CONFIG):
    """Random weights, large enough that attention is not the mean of everything."""
    return {name: rng.standard_normal(shape).astype(np.float32) / 2 for name, shape in shapes(config).items()}


def write(folder, weights, config=CONFIG):
    """The folder as it would be published."""
    from safetensors.numpy import save_file

    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(weights, folder / "model.safetensors")
    return folder


def write_text(folder, words, max_seq_length=7):
    """A tokenizer of words, the first four of them special, and sentence-transformers' layout."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    places = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    tokenizer = Tokenizer(models.WordLevel(places, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_padding(length=8)  # as some are published; not what an encoder wants
    tokenizer.enable_truncation(5)
    tokenizer.save(str(folder / "tokenizer.json"))
    kinds = ("Transformer", "Pooling", "Normalize")
    modules = [{"name": str(i), "type": f"sentence_transformers.models.{kind}"} for i, kind in enumerate(kinds)]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    modes = {"word_embedding_dimension": 12, "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(modes))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": max_seq_length}))


# ---- in NumPy, one sequence at a time, in float64 --------------------------------------------------------------------


def hidden(weights, ids, positions=None, types=None, config=CONFIG):
    """The last hidden state (S, H) of one sequence without padding."""
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    positions = np.arange(len(ids)) if positions is None else positions
    types = np.zeros(len(ids), int) if types is None else types
    tables = {"word": ids, "position": positions, "token_type": types}
    x = sum(w[f"embeddings.{name}_embeddings.weight"][index] for name, index in tables.items())
    x = norm(w, "embeddings.LayerNorm", x)
    for i in range(config["num_hidden_layers"]):
        layer = {name.removeprefix(f"encoder.layer.{i}."): array for name, array in w.items()}
        q, k, v = (heads(linear(layer, f"attention.self.{name}", x), config) for name in ("query", "key", "value"))
        scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
        p = np.exp(scores - scores.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        seen = (p @ v).swapaxes(0, 1).reshape(x.shape)
        x = norm(layer, "attention.output.LayerNorm", x + linear(layer, "attention.output.dense", seen))
        inner = linear(layer, "intermediate.dense", x)
        inner = 0.5 * inner * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        x = norm(layer, "output.LayerNorm", x + linear(layer, "output.dense", inner))
    return x


def linear(w, name, x):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def norm(w, name, x):
    centred = x - x.mean(axis=-1, keepdims=True)
    return (
        centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12) * w[f"{name}.weight"] + w[f"{name}.bias"]
    )


def heads(x, config):
    return x.reshape(len(x), config["num_attention_heads"], -1).swapaxes(0, 1)
