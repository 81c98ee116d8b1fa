"""Whom fastnets is compared with, and where: on the host's processor or on a GPU."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

import fastnets
from fastnets import arrays

__all__ = [
    "FORMATS",
    "PEERS",
    "Place",
    "as_numpy",
    "equal_threads",
    "exported",
    "one_node",
    "session",
    "versions",
    "why_absent",
]

FORMATS = {"": False, " channels-last": True}  # what a label says of the images
PEERS = {"torch": ("torch",), "onnxruntime": ("onnxruntime", "onnx"), "numpy": ("numpy",)}  # and what they need


@dataclass(frozen=True)
class Place:
    """Where a benchmark runs.

    Attributes
    ----------
    device : {"cpu", "cuda"}
    threads : int
        As many for every contender.
    """

    device: str = "cpu"
    threads: int = 1

    def torch(self, value: np.ndarray[Any, Any] | None, channels_last: bool = False) -> Any:
        """Return an array as a torch tensor of this device, images channels-last if asked."""
        if value is None:
            return None
        import torch

        made = arrays.from_numpy(value, torch.empty(0)).to(self.device)
        return made.to(memory_format=torch.channels_last) if channels_last else made

    def fastnets(self, value: np.ndarray[Any, Any], channels_last: bool = False) -> Any:
        """Return an array as fastnets is given it here: NumPy's on the host, torch's on a GPU."""
        if self.device != "cpu":
            return self.torch(value, channels_last)
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(value, 1, -1)), -1, 1) if channels_last else value


def why_absent(peer: str) -> str:
    """Say which package a peer lacks; nothing where it is installed."""
    missing = [package for package in PEERS[peer] if importlib.util.find_spec(package) is None]
    return (
        f"{peer} is left out: {' and '.join(missing)} not installed (pip install 'fastnets[peers]')" if missing else ""
    )


def versions() -> dict[str, str]:
    """Return the versions of those peers that are installed."""
    return {
        package: importlib.metadata.version(package)
        for packages in PEERS.values()
        for package in packages
        if importlib.util.find_spec(package) is not None
    }


@contextmanager
def equal_threads(threads: int, peers: list[str]) -> Iterator[None]:
    """Give every contender as many threads. NumPy's product needs threadpoolctl for it, and keeps its own without."""
    before = fastnets.num_threads()
    fastnets.set_num_threads(threads)
    with ExitStack() as stack:
        stack.callback(fastnets.set_num_threads, before)
        if "numpy" in peers and importlib.util.find_spec("threadpoolctl") is not None:
            from threadpoolctl import threadpool_limits

            stack.enter_context(threadpool_limits(threads, user_api="blas"))
        if "torch" in peers:
            import torch

            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(threads)
            # On a GPU: products in float32 as exact as ours, and the fastest algorithm that cuDNN finds.
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
            torch.backends.cudnn.benchmark = True
            stack.enter_context(torch.no_grad())
        yield


def as_numpy(outputs: Any) -> list[np.ndarray[Any, Any]]:
    """Return what a contender has computed as float64 arrays; None is left out."""
    if isinstance(outputs, (tuple, list)):
        return [array for output in outputs for array in as_numpy(output)]
    if outputs is None:
        return []
    return [np.asarray(arrays.to_numpy(outputs)).astype(np.float64)]


def one_node(
    kind: str,
    inputs: dict[str, np.ndarray[Any, Any]],
    constants: dict[str, np.ndarray[Any, Any]],
    place: Place,
    domain: str = "",
    **attributes: Any,
) -> Callable[[], Any] | None:
    """Return the run of an onnxruntime model that has one node; None where onnxruntime cannot compute it.

    Parameters
    ----------
    kind : str
        The ONNX operator.
    inputs : dict of arrays
        What a run is fed.
    constants : dict of arrays
        The node's further inputs, known to the model: onnxruntime may pack them once.
    place : Place
    domain : str
        Of the operator, where it is not one of ONNX's own.
    **attributes
        Of the node.
    """
    from onnx import helper, numpy_helper

    names = [*inputs, *constants]
    node = helper.make_node(kind, names, ["output"], domain=domain, **attributes)
    fed = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in inputs.items()
    ]
    dtype = helper.np_dtype_to_tensor_dtype(next(iter(inputs.values())).dtype)
    graph = helper.make_graph(
        [node],
        kind,
        fed,
        [helper.make_tensor_value_info("output", dtype, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    try:
        ready = session(model.SerializeToString(), place)
    except Exception as error:  # its exceptions have no class of their own
        if "NOT_IMPLEMENTED" in str(error) or "Could not find an implementation" in str(error):
            return None
        raise
    feed = dict(inputs)
    return lambda: ready.run(None, feed)[0]


def exported(module: Any, arrays: tuple[np.ndarray[Any, Any], ...], place: Place) -> Callable[[], Any]:
    """Return the run of a torch module as an onnxruntime model."""
    import torch

    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's age: the younger one needs one package more
        torch.onnx.export(module, tuple(map(torch.from_numpy, arrays)), file, dynamo=False)  # type: ignore[arg-type]
    ready = session(file.getvalue(), place)
    feed = {given.name: array for given, array in zip(ready.get_inputs(), arrays, strict=True)}
    return lambda: ready.run(None, feed)[0]


def session(model: bytes, place: Place) -> Any:
    """Return a session of onnxruntime on a serialized model, with as many threads as everybody has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = place.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Its threads would go on spinning after a run, in the time of the next contender.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
