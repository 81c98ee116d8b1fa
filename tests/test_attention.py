"""Attention of long sequences: its memory grows with their length, not with its square."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("resource")

GROWTH = """
import json, resource, numpy as np, fastnets, fastnets.functional as F
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
def pull(length):
    x = np.random.default_rng().standard_normal((1, length, 8), dtype=np.float32)
    y, backward = fastnets.vjp(F.scaled_dot_product_attention, x, x, x, is_causal=True)
    return backward(y)
pull(64)
before = peak()
pull(8192)
print(json.dumps(peak() - before))
"""


def test_memory_of_forward_and_backward_is_linear():
    """Both passes of 8,192 positions; one matrix of scores alone would have 256 MiB."""
    done = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024
    assert json.loads(done.stdout) * unit < 64 << 20
