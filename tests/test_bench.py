"""The benchmark runner on workloads of no size: what it reports, not how fast anything is."""

import argparse
import importlib.util
import json
from dataclasses import replace

import numpy as np
import pytest

from fastnets.backends import OPS
from fastnets.benchmarks import ceilings, command, report, timing
from fastnets.benchmarks.families import FAMILIES, linear, served
from fastnets.benchmarks.peers import Place, why_absent
from fastnets.benchmarks.workload import Contender

HOST = Place("cpu", 1)
TINY = linear.Linear(M=5, K=7, N=3, rows=("tiny",))


@pytest.fixture
def tiny(monkeypatch):
    """A family of three small workloads: forward, backward, a call."""
    small = [TINY, linear.LinearBackward(M=5, K=7, N=3, rows=("tiny",)), linear.SmallLinear(rows=("call",))]
    monkeypatch.setitem(FAMILIES, "linear", small)
    monkeypatch.setattr(timing, "_SAMPLE_SECONDS", 1e-5)
    monkeypatch.setattr(ceilings, "_LARGEST", 1 << 20)
    return small


def bench(*arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--json")
    command.add_arguments(parser)
    return command.run(parser.parse_args(["linear", "--seconds", "0.01", "--threads", "1", *arguments]))


def test_every_workload_states_its_cost():
    for family in FAMILIES:
        for workload in FAMILIES[family]:
            assert workload.rows and workload.name and workload.op
            assert (workload.bytes > 0) or "a call" in workload.name
            assert workload.flops >= 0
    assert [w for family in FAMILIES for w in served(family)]
    assert all(w.op in OPS for family in FAMILIES for w in served(family, "cuda"))


def test_names_tell_workloads_of_a_family_apart():
    for family, workloads in FAMILIES.items():
        names = [w.name for w in workloads]
        assert len(set(names)) == len(names), family


def test_cost_of_a_product():
    assert TINY.flops == 2 * 5 * 7 * 3
    assert TINY.bytes == 4 * (5 * 7 + 3 * 7 + 3 + 5 * 3)


def test_results_go_to_json_and_readme(tiny, tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    assert bench("--vs", "numpy", "--json", str(tmp_path / "b.json"), "--readme", str(readme)) == 0
    shown = capsys.readouterr().out
    assert TINY.name in shown and "geometric mean" in shown

    result = json.loads((tmp_path / "b.json").read_text())
    assert {"model", "isa", "threads", "versions", "gflops", "gigabytes_per_second"} <= set(result["machine"])
    assert [w["name"] for w in result["workloads"]] == [w.name for w in tiny]
    for measured in result["workloads"]:
        assert measured["rounds"] >= 2 and not measured["error"]
        assert [t["label"] for t in measured["timings"]] == ["fastnets", "numpy"]
        assert all(t["quartiles"][0] <= t["median"] <= t["quartiles"][1] for t in measured["timings"])
        assert measured["timings"][0]["ratio"] == 1
    assert [row["row"] for row in result["rows"]] == ["tiny", "call"]
    text = readme.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text and "| tiny |" in text


def test_pictures(tiny, tmp_path):
    pytest.importorskip("matplotlib")
    assert bench("--vs", "numpy", "--plot", str(tmp_path)) == 0
    for name in ("bars-linear.png", "roofline.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("peer", ["torch", "onnxruntime"])
def test_peers_agree(tiny, peer):
    if why_absent(peer):
        pytest.skip(why_absent(peer))
    assert bench("--vs", peer) == 0


def test_an_unknown_peer_is_refused(capsys):
    assert bench("--vs", "cblas") == 2
    assert "'cblas'" in capsys.readouterr().err


def test_an_absent_peer_is_named(tiny, monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else found(name))
    assert bench("--vs", "onnxruntime") == 0
    assert "onnxruntime is left out" in capsys.readouterr().out


def test_a_readme_without_markers_is_refused(tmp_path):
    (tmp_path / "README.md").write_text("nothing\n")
    with pytest.raises(ValueError, match="must have the lines"):
        report.write_between_markers(tmp_path / "README.md", {})


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_a_wrong_contender_is_noticed(dtype):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    workload = replace(TINY, dtype=dtype)
    arrays = workload.draw(np.random.default_rng())
    ours = next(workload.fastnets(arrays, HOST))
    right = ours.run()

    def differing(change):
        return timing.disagreement([ours, Contender("other", "other", lambda: change(right))], dtype)

    assert not differing(lambda y: y)
    assert "other and fastnets differ by" in differing(lambda y: np.roll(y, 1))
    assert "other and fastnets differ by" in differing(np.zeros_like)
    assert "other and fastnets differ by" in differing(lambda y: np.full_like(y, np.nan))
    assert "other returns [(3, 5)]" in differing(lambda y: y.T)


def test_a_wrong_result_is_reported_and_not_timed(tiny, monkeypatch, capsys):
    monkeypatch.setattr(timing, "disagreement", lambda contenders, dtype: "they differ")
    assert bench("--vs", "numpy") == 1
    assert "WRONG" in capsys.readouterr().out


def test_ceilings_are_positive():
    found = ceilings.ceilings_of(HOST)
    assert found.flops("float32", 1e-4) > 1e6
    assert found.bandwidth(1 << 16, 1e-4) > 1e6
    limit = ceilings.floor(TINY, found)
    assert limit.bound in ("arithmetic", "memory") and limit.probe(1e-4) > 0
