"""Code compiled for an instruction set must not become everybody's: the linker must have no reason to share it.

An inline function or a template that is compiled for AVX-512 and for the baseline is one weak symbol to the linker,
which keeps either copy. So the files of an instruction set define what lies in its own namespace, and nothing weak.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MERGED = set("uvVwW")  # nm's letters: unique, weak objects, weak symbols
PERSONALITY = "DW.ref.__gxx_personality_v0"  # a pointer to the C++ runtime, in every object that has cleanups
RECIPE = (ROOT / "cmake" / "cpu.cmake").read_text()


def flags():
    """The compiler's flags for each instruction set, read from the build's recipe."""
    found: dict[str, str] = {}
    for name, value in re.findall(r"^set\((scalar|avx\w+) ([^)]*)\)", RECIPE, re.MULTILINE):
        found[name] = re.sub(r"\$\{(\w+)\}", lambda m: found[m[1]], value)
    return {name: value.split() for name, value in found.items()}


def built_objects(isa):
    """The objects of the newest build in the source tree, or in the folder that FASTNETS_BUILD_DIR names."""
    roots = (
        [Path(os.environ["FASTNETS_BUILD_DIR"])] if os.environ.get("FASTNETS_BUILD_DIR") else [*ROOT.glob("build/*")]
    )
    folders = [f for root in roots if (f := root / "CMakeFiles" / f"fastnets_cpu_{isa}.dir").is_dir()]
    folder = max(folders, key=lambda f: f.stat().st_mtime, default=None)
    return sorted(folder.rglob("*.o")) if folder else []


def compiled_object(isa, folder):
    """One op, compiled here as the build would."""
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None:
        pytest.skip("there is no build folder in the source tree and no C++ compiler")
    target = folder / f"{isa}.o"
    header = f'-DFASTNETS_SIMD_HEADER="cpu/simd/{isa}.h"'
    command = [compiler, "-std=c++20", "-O3", "-fPIC", "-fvisibility=hidden", *flags()[isa], "-w"]
    command += [f"-I{ROOT / 'csrc'}", f"-DFASTNETS_ISA={isa}", header]
    done = subprocess.run(
        [*command, "-c", ROOT / "csrc" / "cpu" / "ops" / "adam.cpp", "-o", target],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"the compiler does not make {isa} code: {done.stderr.strip().splitlines()[-1]}")
    return target


def defined_symbols(file):
    listing = subprocess.run(["nm", "-C", "--defined-only", file], check=True, capture_output=True, text=True).stdout
    return [m.groups() for m in re.finditer(r"^[0-9a-f]+ (\w) (.*)$", listing, re.MULTILINE)]


@pytest.mark.parametrize("isa", flags())
def test_nothing_of_an_instruction_set_is_shared(isa, tmp_path):
    if not shutil.which("nm"):
        pytest.skip("nm is not installed")
    files = built_objects(isa) or [compiled_object(isa, tmp_path)]
    for file in files:
        symbols = defined_symbols(file)
        assert symbols, file
        for kind, name in symbols:
            if name == PERSONALITY:
                continue
            assert kind not in MERGED, f"{file.name} for {isa}: {name} is weak, the linker may take it for everybody's"
            if kind.isupper():
                assert f"fastnets::cpu::{isa}::" in name, f"{file.name} for {isa}: {name} is outside its namespace"


def test_a_weak_symbol_is_seen(tmp_path):
    """The test above would notice: an inline function of namespace scope is a weak symbol."""
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None or not shutil.which("nm"):
        pytest.skip("there is no C++ compiler or no nm")
    source = tmp_path / "weak.cpp"
    source.write_text("inline int twice(int x) { return 2 * x; }\nint (*address)(int) = twice;\n")
    subprocess.run([compiler, "-c", source, "-o", tmp_path / "weak.o"], check=True)
    assert ("W", "twice(int)") in defined_symbols(tmp_path / "weak.o")
