"""What torch.compile sees in the place of the compiled functions: the registered ops."""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

from .. import _cpu, random
from ..backends import OPS
from . import ops


def _polyfill(name: str) -> Callable[..., Any]:
    def traced(*arguments: Any) -> Any:
        return ops.call(name, arguments)

    return traced


def _draw_seed() -> Any:
    return torch.randint(2**63 - 1, (), dtype=torch.int64)


def _substitute() -> None:
    for name in OPS:
        torch.compiler.substitute_in_graph(getattr(_cpu, name), skip_signature_check=True)(_polyfill(name))
    torch.compiler.substitute_in_graph(random.draw_seed, skip_signature_check=True)(_draw_seed)


class _AfterImport(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Calls a function once a module has been imported, and does not import it for that."""

    def __init__(self, name: str, function: Callable[[], None]):
        self._name, self._function = name, function
        self._loader: Any = None

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> Any:
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None:
            self._loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__.loader = module.__loader__ = self._loader  # type: ignore[union-attr]
        self._loader.exec_module(module)
        self._function()


def install() -> None:
    """Make torch.compile know the ops, now or when torch's compiler, which takes long to import, is imported."""
    if "torch._dynamo" in sys.modules:
        _substitute()
    else:
        sys.meta_path.insert(0, _AfterImport("torch._dynamo", _substitute))
