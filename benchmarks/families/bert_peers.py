"""The same BERT in other libraries, given our weights by our names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..peers import Place, session

__all__ = ["SIZES", "onnx_model", "torch_encoder", "transformers_model"]

SIZES: dict[str, Any] = {
    "vocab_size": 30522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
}
_LAYERS, _EPS = SIZES["num_hidden_layers"], 1e-12
_TABLES = [f"embeddings.{table}_embeddings.weight" for table in ("word", "position", "token_type")]


def torch_encoder(weights: dict[str, Any]) -> Callable[[Any, Any], Any]:
    """PyTorch's own layers, which in eval take its fused path."""
    import torch

    dtype = weights[_TABLES[0]].dtype
    H, inner = SIZES["hidden_size"], SIZES["intermediate_size"]
    layer = torch.nn.TransformerEncoderLayer(
        H, SIZES["num_attention_heads"], inner, 0.0, "gelu", _EPS, batch_first=True, dtype=dtype
    )
    encoder = torch.nn.TransformerEncoder(layer, _LAYERS, enable_nested_tensor=True).eval()
    prefix = "encoder."
    encoder.load_state_dict({n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)})
    words, positions, types = (weights[table] for table in _TABLES)
    gamma, beta = (weights[f"embeddings.LayerNorm.{kind}"] for kind in ("weight", "bias"))

    def run(ids: Any, mask: Any) -> Any:
        x = torch.nn.functional.embedding(ids, words) + positions[: ids.shape[1]] + types[0]
        x = torch.nn.functional.layer_norm(x, (H,), gamma, beta, _EPS)
        return encoder(x, src_key_padding_mask=None if mask is None else ~mask)

    return run


def transformers_model(weights: dict[str, Any], attention: str) -> Callable[[Any, Any], Any]:
    """Hugging Face's model with one of its attentions."""
    import transformers

    config = transformers.BertConfig(**{**SIZES, "attn_implementation": attention})
    model = transformers.BertModel(config, add_pooling_layer=False).eval().to(weights[_TABLES[0]].dtype)
    model.load_state_dict(_published(weights))
    return lambda ids, mask: model(ids, mask).last_hidden_state


def _published(weights: dict[str, Any]) -> dict[str, Any]:
    """The weights by their published names."""
    names = {
        "self_attn.out_proj": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "linear1": "intermediate.dense",
        "linear2": "output.dense",
        "norm2": "output.LayerNorm",
    }
    state = {}
    for name, array in weights.items():
        if not name.startswith("encoder."):
            state[name] = array
            continue
        i, _, rest = name.removeprefix("encoder.layers.").partition(".")
        if "in_proj_" in rest:
            kind = rest.rpartition("_")[2]
            for part, third in zip(("query", "key", "value"), array.chunk(3), strict=True):
                state[f"encoder.layer.{i}.attention.self.{part}.{kind}"] = third
        else:
            part, _, kind = rest.rpartition(".")
            state[f"encoder.layer.{i}.{names[part]}.{kind}"] = array
    return state


def onnx_model(
    ids: np.ndarray[Any, Any], mask: np.ndarray[Any, Any], weights: dict[str, Any], place: Place
) -> Callable[[], Any]:
    """The graph that onnxruntime's own optimizer makes of a BERT, in its fused operators, written by hand."""
    from onnx import TensorProto, helper, numpy_helper

    constants: dict[str, np.ndarray[Any, Any]] = {}
    nodes: list[Any] = []

    def add(kind: str, *inputs: Any, **attributes: Any) -> str:
        """A node whose inputs are names, or arrays, which become constants."""
        named = []
        for value in inputs:
            if not isinstance(value, str):
                constants[name := f"constant{len(constants)}"] = np.ascontiguousarray(value)
                value = name
            named.append(value)
        domain = "" if kind in ("Gather", "Add", "MatMul", "LayerNormalization") else "com.microsoft"
        nodes.append(helper.make_node(kind, named, [output := f"y{len(nodes)}"], domain=domain, **attributes))
        return output

    words, positions, types = (weights[table] for table in _TABLES)
    x = add("Add", add("Gather", words, "ids"), positions[: ids.shape[1]] + types[0])
    norm = (weights[f"embeddings.LayerNorm.{kind}"] for kind in ("weight", "bias"))
    x = add("LayerNormalization", x, *norm, epsilon=_EPS)
    for i in range(_LAYERS):
        w = {n.removeprefix(f"encoder.layers.{i}."): a for n, a in weights.items() if f".layers.{i}." in n}
        projection = w["self_attn.in_proj_weight"].T, w["self_attn.in_proj_bias"]
        seen = add("Attention", x, *projection, "lengths", num_heads=SIZES["num_attention_heads"])
        seen = add("MatMul", seen, w["self_attn.out_proj.weight"].T)
        first, second = ((w[f"norm{n}.weight"], w[f"norm{n}.bias"]) for n in (1, 2))
        x = add("SkipLayerNormalization", seen, x, *first, w["self_attn.out_proj.bias"], epsilon=_EPS)
        inner = add("BiasGelu", add("MatMul", x, w["linear1.weight"].T), w["linear1.bias"])
        inner = add("MatMul", inner, w["linear2.weight"].T)
        x = add("SkipLayerNormalization", inner, x, *second, w["linear2.bias"], epsilon=_EPS)
    fed = {"ids": ids, "lengths": mask.sum(axis=1).astype(np.int32)}
    graph = helper.make_graph(
        nodes,
        "bert",
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in fed.items()],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    run = session(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString(), place)
    return lambda: run.run(None, fed)[0]
