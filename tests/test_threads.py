"""Calls from several Python threads, and in processes made by fork."""

import subprocess
import sys
import threading

import numpy as np
import pytest

import fastnets
from fastnets import backends
from fastnets.cases import CASES
from fastnets.cases.trial import Trial, rows

ROWS = [row for row in rows() if row.backend != "reference"]
IN_TABLE = [op for op in CASES if op in backends.OPS]


def bits(trial, row):
    call = trial.forward(row)
    made = [result.actual for result in trial.outputs(call)]
    if trial.has_backward:
        made += trial.backward(row, call)
    return [None if a is None else a.tobytes() for a in made]


@pytest.mark.parametrize("op", IN_TABLE)
def test_python_threads_at_once(op, rng, seed):
    """Eight threads, each with its own arguments, get what they get alone."""
    row = ROWS[0]
    cases = CASES[op][:24]
    trials = [Trial(case, case.dtypes[0], rng) for case in cases if case.dtypes[0] != "bfloat16"]
    expected = [bits(trial, row) for trial in trials]
    wrong, start = [], threading.Barrier(8)

    def work(first):
        try:
            start.wait()
            for repeat in range(3):
                for i in range(len(trials)):
                    place = (first * 3 + i + repeat) % len(trials)
                    if bits(trials[place], row) != expected[place]:
                        wrong.append(trials[place].case)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, f"seed {seed}: {wrong[:3]}"


def test_threads_of_large_products(rng):
    """Callers that find the pool busy, while its size changes under them."""
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in ((300, 400), (500, 400)))
    expected = backends.ops.linear(x, w, None, None, None).tobytes()
    before, wrong = fastnets.num_threads(), []

    def work():
        for _ in range(20):
            if backends.ops.linear(x, w, None, None, None).tobytes() != expected:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for n in range(60):
        fastnets.set_num_threads(1 + n % 3)
        fastnets.release_memory()
    for thread in threads:
        thread.join()
    fastnets.set_num_threads(before)
    assert not wrong


def test_modes_are_local_to_a_thread():
    seen = []
    with fastnets.use_backend("reference"):
        thread = threading.Thread(target=lambda: seen.append(backends.current_mode().backend))
        thread.start()
        thread.join()
        assert backends.current_mode().backend == "reference"
    assert seen == [None]


def run_script(script):
    """Run a script in a Python of its own: a hang or a crash there is a failure here."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"


PRELUDE = """
import os, sys, threading, warnings
import numpy as np
import fastnets
from fastnets.backends import ops
warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads, which is what is tried here
fastnets.set_num_threads(3)
rng = np.random.default_rng()
x, w = (rng.standard_normal(shape).astype(np.float32) for shape in ((300, 400), (500, 400)))
compute = lambda: ops.linear(x, w, None, None, "relu").tobytes()
def in_child(work):
    child = os.fork()
    if child == 0:
        os._exit(0 if work() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def test_fork_after_a_call():
    """The child has no pool threads; it makes its own. The parent goes on with its."""
    run_script(
        PRELUDE
        + """
expected = compute()
assert in_child(lambda: all(compute() == expected for _ in range(5)))
assert compute() == expected
assert in_child(lambda: in_child(lambda: compute() == expected) and compute() == expected)
assert compute() == expected
"""
    )


def test_fork_before_any_call():
    run_script(PRELUDE + "assert in_child(lambda: compute() == compute()) and compute() == compute()\n")


def test_fork_while_another_thread_computes():
    run_script(
        PRELUDE
        + """
expected, stop = compute(), threading.Event()
def work():
    while not stop.is_set():
        compute()
thread = threading.Thread(target=work)
thread.start()
fine = all(in_child(lambda: compute() == expected) for _ in range(20))
stop.set()
thread.join()
assert fine
"""
    )


def test_exit_while_the_pool_is_there():
    run_script(PRELUDE + "compute()\n")


def test_exit_while_daemon_threads_compute():
    endless = "threading.Thread(target=lambda: [compute() for _ in iter(int, 1)], daemon=True)"
    run_script(PRELUDE + f"compute(); {endless}.start(); {endless}.start()\n")
