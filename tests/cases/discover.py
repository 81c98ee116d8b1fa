"""The modules of a package, so that a new family of ops need not be listed anywhere."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

__all__ = ["families"]


def families(package: str, path: list[str], attribute: str) -> list[ModuleType]:
    """The modules of a package that have an attribute, by name: called with its ``__name__`` and ``__path__``."""
    names = sorted(module.name for module in pkgutil.iter_modules(path) if not module.ispkg)
    modules = (importlib.import_module(f"{package}.{name}") for name in names)
    return [module for module in modules if hasattr(module, attribute)]
