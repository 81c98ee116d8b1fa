"""What is installed: the files that belong there, one version, and NumPy as the only import."""

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastnets

ROOT = Path(__file__).parents[1]
HEAVY = (
    "torch",
    "cupy",
    "jax",
    "rich",
    "matplotlib",
    "ml_dtypes",
    "safetensors",
    "tokenizers",
    "transformers",
    "onnx",
    "onnxruntime",
    "threadpoolctl",
)
SUFFIXES = {".py", ".pyi", ".so", ".md", ".npz", ".csv", ".gz", ".typed", ".txt"}


def imported_by(statement):
    """The top-level modules that a statement brings into a fresh interpreter."""
    code = f"import json, sys; old = set(sys.modules); {statement}; print(json.dumps([*set(sys.modules) - old]))"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return {name.partition(".")[0] for name in json.loads(out)}


def test_importing_fastnets_imports_numpy_alone():
    modules = imported_by(
        "import fastnets, fastnets.functional, fastnets.nn, fastnets.optim, fastnets.io, fastnets.models, fastnets.cli"
    )
    assert "numpy" in modules
    assert not modules & set(HEAVY)


def test_benchmarks_are_imported_without_the_peers():
    assert not imported_by("import fastnets.benchmarks.command") & set(HEAVY)


def test_one_version():
    declared = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert fastnets.__version__ == importlib.metadata.version("fastnets") == declared


def test_numpy_is_the_only_hard_dependency():
    hard = [line for line in importlib.metadata.requires("fastnets") if "extra ==" not in line]
    assert [re.match(r"[\w-]+", line)[0] for line in hard] == ["numpy"]


def test_no_stray_files():
    files = importlib.metadata.files("fastnets")
    if any(str(f).startswith("_fastnets_editable") or f.suffix == ".pth" for f in files):
        pytest.skip("an editable install lists what points to the source tree")
    top = {f.parts[0] for f in files}
    allowed = {"fastnets", f"fastnets-{fastnets.__version__}.dist-info", ".."}  # the last: the command in bin/
    assert top <= allowed, f"outside the package: {sorted(top - allowed)}"
    package = [f for f in files if f.parts[0] == "fastnets" and "__pycache__" not in f.parts]
    stray = [str(f) for f in package if f.suffix not in SUFFIXES or set(f.parts) & {"results", "csrc", "tests"}]
    assert not stray
    present = {str(f) for f in package}
    assert {"fastnets/cases/__init__.py", "fastnets/benchmarks/command.py", "fastnets/_buildinfo.py"} <= present
    assert any(f.startswith("fastnets/_cpu.") and f.endswith(".so") for f in present)


def test_the_recipe_names_files_that_exist():
    """Licence and README are in the metadata, so that an index shows them."""
    metadata = importlib.metadata.metadata("fastnets")
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_payload().strip() or metadata["Description"]
