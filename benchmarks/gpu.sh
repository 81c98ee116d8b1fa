#!/usr/bin/env bash
# One call on a machine with a GPU: build for that GPU, test, look for stray accesses, time beside torch. It needs nvcc,
# PyTorch, CuPy, pybind11, scikit-build-core and pytest, but no network, and ends within ten minutes.
#
#   OUT=results benchmarks/gpu.sh        # where the JSON goes; benchmarks/results by default
#
# The first step that fails ends the run with its status, after a line that says which.
set -euo pipefail
cd "$(dirname "$0")/.."

out=$(realpath -m "${OUT:-benchmarks/results}")
prefix=$(mktemp -d)
stage="start"
trap 'status=$?; rm -rf "$prefix"; ((status == 0)) || echo "gpu.sh: FAILED at: $stage (status $status)"' EXIT
mkdir -p "$out"

stage() { stage=$1 && printf '\n==== %s (%d s)\n' "$1" "$SECONDS"; }

stage "machine"
nvidia-smi -L
nvcc --version | tail -1
read -r name architecture < <(python3 - <<'PYTHON'
import re, torch

major, minor = torch.cuda.get_device_capability()
name = re.sub(r"[^a-z0-9]+", "-", torch.cuda.get_device_name().lower()).strip("-")
print(name, f"{major}{minor}" + ("a" if major >= 9 else ""))
PYTHON
)
echo "$name, sm_$architecture"

stage "build"
FASTNETS_CUDA=ON timeout 240 python3 -m pip install -q --no-index --no-build-isolation --no-deps --target "$prefix" \
  -C cmake.define.FASTNETS_CUDA_ARCHITECTURES="$architecture" -C build-dir="$prefix/build" .
export PYTHONPATH=$prefix PYTHONUNBUFFERED=1

stage "import"
python3 - <<'PYTHON'
import fastnets

cuda = fastnets.info()["cuda"]
print(fastnets.__version__, fastnets.__file__, cuda)
assert cuda["available"], "the CUDA backend was not built"
PYTHON

stage "tests"  # pytest fails when it finds none
timeout 180 python3 -m pytest -m gpu -p no:cacheprovider

stage "compute-sanitizer"
if compute-sanitizer --version > /dev/null 2>&1; then
  for tool in memcheck racecheck; do
    timeout 120 compute-sanitizer --tool "$tool" --error-exitcode 1 python3 -m fastnets.benchmarks.gpu_subset
  done
else
  echo "not installed"
fi

stage "benchmarks"
families="linear conv attention recurrent"
for family in $families; do
  timeout 90 python3 -m fastnets.benchmarks "$family" --device cuda --vs torch --seconds 0.3 \
    --json "$out/$name-$family.json" | tee "$prefix/$family.txt"
done

stage "summary"
for family in $families; do
  sed -n '/geometric mean/,$p' "$prefix/$family.txt"
done
printf '\ngpu.sh: passed in %d s; %s\n' "$SECONDS" "$out"
