"""``fastnets verify``: holds here, and says what does not."""

import json

import numpy as np
import pytest

from fastnets import backends, reference
from fastnets.cli import main
from fastnets.cli.verify import table, verify


def test_linear_holds(session_seed):
    verdicts = list(verify(["linear"], session_seed))
    assert verdicts and all(verdict.ok for verdict in verdicts), [v.problem for v in verdicts if not v.ok]
    assert {verdict.backend for verdict in verdicts} >= {f"cpu-{isa}" for isa in backends.module("cpu").isas()}


def test_the_table_has_a_line_for_each_backend():
    verdicts = list(verify(["linear"], 1))
    header, *lines = table(verdicts)
    assert "float32" in header and "float64" in header
    assert len(lines) == len({verdict.backend for verdict in verdicts})
    assert all(line.startswith("linear") for line in lines)


def test_a_failure_is_told(monkeypatch, tmp_path, capsys):
    right = reference.linear

    def wrong(*arguments):
        y = right(*arguments)
        return np.where(np.arange(y.size).reshape(y.shape) == 2, y + 0.1, y)

    monkeypatch.setattr(reference, "linear", wrong)
    file = tmp_path / "verify.json"
    assert main(["verify", "linear", "--seed", "3", "--json", str(file)]) == 1
    printed = capsys.readouterr().out
    assert "! " in printed and "times the bound" in printed and "--seed 3" in printed
    told = json.loads(file.read_text())
    assert told["seed"] == 3 and not any(verdict["ok"] for verdict in told["verdicts"] if verdict["dtype"] == "float32")


def test_an_exception_is_a_failure(monkeypatch):
    def broken(*arguments, **options):
        raise MemoryError("none left")

    monkeypatch.setattr(backends, "forward", broken)
    verdicts = list(verify(["linear"], 1))
    assert verdicts and all("none left" in verdict.problem for verdict in verdicts)


@pytest.mark.parametrize("arguments", [["nothing"], ["linear", "nothing"]])
def test_an_unknown_op_is_refused(arguments, capsys):
    assert main(["verify", *arguments]) == 2
    assert "'nothing'" in capsys.readouterr().out
