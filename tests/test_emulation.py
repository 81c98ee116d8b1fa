"""The CUDA emulator: correct kernels are clean in every schedule, planted defects are caught in some, races in one."""

import itertools
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CSRC = ROOT / "csrc"
TEST_SOURCES = sorted([*CSRC.glob("emulation/tests/*.cu"), *CSRC.glob("cuda/tests/*.cu")])
SCHEDULES = ("forward", "reverse", "random")
ASYNC = ("eager", "lazy", "random", "late_products")
MODES = list(itertools.product(SCHEDULES, ASYNC))
FEW_MODES = [("forward", "eager"), ("reverse", "lazy"), ("random", "random")]


def declared(macro):
    """The names of the tests that the sources declare with a macro."""
    return [
        name for source in TEST_SOURCES for name in re.findall(rf"^{macro}\((\w+)\)", source.read_text(), re.MULTILINE)
    ]


CORRECT, DEFECTS, RACES = declared("FASTNETS_TEST"), declared("FASTNETS_DEFECT"), declared("FASTNETS_RACE")
LONG = "gemm_sums_in_chains"  # as long as all others together, and about rounding: once is enough
CORRECT.remove(LONG)


@pytest.fixture(scope="session")
def plain():
    """Can find races too, where it is asked to."""
    return compile_tests("plain", "-DFASTNETS_FIND_RACES=ON")


@pytest.fixture(scope="session")
def sanitized():
    return compile_tests("sanitized", "-DFASTNETS_SANITIZE=ON")


def compile_tests(name, *options):
    if not shutil.which("cmake"):
        pytest.skip("cmake is not installed")
    if not shutil.which(os.environ.get("CXX", "c++")):
        pytest.skip("there is no C++ compiler")
    folder = ROOT / "build" / f"emulation-{name}"
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    for command in (
        ["cmake", *generator, "-S", CSRC / "emulation", "-B", folder, *options],
        ["cmake", "--build", folder, "--target", "emulation_tests", "--parallel", "2"],
    ):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "emulation_tests"


def run(executable, names, schedule, asynchronous, seed=1, races=False):
    environment = os.environ | {
        "FASTNETS_EMULATION_SCHEDULE": schedule,
        "FASTNETS_EMULATION_ASYNC": asynchronous,
        "FASTNETS_EMULATION_SEED": str(seed),
        "FASTNETS_EMULATION_RACES": "on" if races else "off",
        "ASAN_OPTIONS": "detect_leaks=0",  # LeakSanitizer needs ptrace, which containers often forbid
    }
    command = [executable, *names]
    return subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("schedule", "asynchronous"), MODES)
def test_correct_kernels_are_clean(plain, schedule, asynchronous):
    done = run(plain, CORRECT, schedule, asynchronous)
    assert done.returncode == 0, done.stderr


def test_a_long_sum_keeps_its_bound(plain):
    done = run(plain, [LONG], "forward", "eager")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("schedule", "asynchronous"), FEW_MODES)
def test_correct_kernels_are_clean_under_sanitizers(sanitized, schedule, asynchronous):
    done = run(sanitized, CORRECT, schedule, asynchronous)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("seed", range(2, 6))
def test_correct_kernels_are_clean_at_random(plain, seed):
    done = run(plain, CORRECT, "random", "random", seed)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("defect", DEFECTS)
def test_defects_are_caught(defect, plain, sanitized):
    attempts = [(plain, *mode) for mode in MODES] + [(sanitized, *mode) for mode in MODES]
    codes = (run(executable, [defect], *mode).returncode for executable, *mode in attempts)
    assert 1 in codes


def test_correct_kernels_have_no_races(plain):
    done = run(plain, CORRECT, "random", "random", races=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("race", RACES)
def test_races_are_found(race, plain):
    done = run(plain, [race], "forward", "eager", races=True)
    assert done.returncode == 1
    first = done.stderr.split(": race\n")[1].splitlines()[0]
    assert len(re.findall(r"\.cuh?:\d+", first)) == 2, first  # both accesses by their lines


def run_nvcc(architecture, row, source, target, *options):
    command = ["nvcc", "-std=c++20", "--expt-relaxed-constexpr", "-I", CSRC, f"-DFASTNETS_ARCH={row}"]
    command += ["-gencode", f"arch=compute_{architecture},code=sm_{architecture}"]
    command += ["-Xptxas", "-warn-spills", "-Xptxas", "-Werror"]
    done = subprocess.run([*command, *options, source, "-o", target], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "C75" not in done.stderr, done.stderr  # C7510 to C7517: wgmma made to run one after the other


def compile_for_gpu(architecture, target, tests, *options):
    """In one file, so that nvcc reads CUDA's own headers once."""
    sources = sorted([*CSRC.glob("emulation/tests/wrappers_*.cu"), *CSRC.glob("emulation/tests/kernels*.cu")])
    sources = [source for source in sources if architecture == "90a" or "sm90" not in source.name]
    sources += [CSRC / "cuda" / "backend" / "tensor_map.cu", *tests]
    together = target.with_suffix(".cu")
    together.write_text("".join(f'#include "{source}"\n' for source in sources))
    run_nvcc(architecture, "sm80", together, target, *options)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["80", "90a"])
def test_the_same_sources_compile_for_the_gpu(architecture, tmp_path):
    if not shutil.which("nvcc"):
        pytest.skip("nvcc is not installed")
    compile_for_gpu(architecture, tmp_path / "all.o", [CSRC / "cuda" / "ops" / "linear.cu"], "-c")
    if architecture == "90a":
        for source in CSRC.glob("cuda/sm90a/*.cu"):
            run_nvcc(architecture, "sm90a", source, tmp_path / "kernels.o", "-c")


@pytest.mark.gpu
@pytest.mark.slow
def test_instructions_give_the_same_bits_on_a_gpu(tmp_path):
    if not (shutil.which("nvcc") and shutil.which("nvidia-smi")):
        pytest.skip("there is no CUDA device, or no nvcc")
    asked = subprocess.run(
        ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"], check=False, capture_output=True, text=True
    )
    if asked.returncode:
        pytest.skip("there is no CUDA device")
    capability = asked.stdout.split()[0].replace(".", "")
    tests = tmp_path / "tests"
    compile_for_gpu("90a" if capability == "90" else capability, tests, [CSRC / "emulation" / "tests" / "main.cpp"])
    names = [line.split()[1] for line in subprocess.check_output([tests, "--list"], text=True).splitlines()]
    done = subprocess.run([tests, *names], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
