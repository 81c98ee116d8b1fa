"""Fresh random numbers in every run, and a way to have the same again."""

import os
import zlib

import numpy as np
import pytest

_SESSION_SEED = int(os.environ.get("FASTNETS_TEST_SEED") or np.random.SeedSequence().entropy % 2**32)


def pytest_report_header(config):
    return f"random numbers: FASTNETS_TEST_SEED={_SESSION_SEED} repeats this run's"


@pytest.fixture
def seed(request):
    """A seed of the test's own: the session's and the test's name. State it in failure messages."""
    return [_SESSION_SEED, zlib.crc32(request.node.nodeid.encode())]


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)
