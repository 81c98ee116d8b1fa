"""Fresh random numbers in every run, and a way to have the same again; memory that is never fresh."""

import ctypes
import os
import zlib

import numpy as np
import pytest

SESSION_SEED = int(os.environ.get("FASTNETS_TEST_SEED") or np.random.SeedSequence().entropy % 2**32)


def pytest_configure(config):
    """Let glibc fill new memory with 0x7f, which no result may hold: NaN in float16, 1e38 in float32 and bfloat16."""
    m_perturb = -6
    try:
        ctypes.CDLL(None).mallopt(m_perturb, 0x80)  # the complement goes into new memory, this into freed memory
    except (AttributeError, OSError):
        pass  # another C library: `fastnets.cases.trial.poison` has to do


def pytest_report_header(config):
    return f"random numbers: FASTNETS_TEST_SEED={SESSION_SEED} repeats this run's"


@pytest.fixture(scope="session")
def session_seed():
    return SESSION_SEED


@pytest.fixture
def seed(request):
    """A seed of the test's own: the session's and the test's name. State it in failure messages."""
    return [SESSION_SEED, zlib.crc32(request.node.nodeid.encode())]


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)
