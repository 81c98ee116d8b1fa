"""The command line: every command in process and as a user starts it, with and without the extras, on a terminal."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastnets as fn
from fastnets import cli
from fastnets.cli import console, info
from fastnets.cli.demo import digits, pictures


def start(*arguments, without=(), cwd=None, **keywords):
    """``python -m fastnets ARGUMENTS`` as a process, without some packages."""
    hide = f"import sys; sys.modules.update(dict.fromkeys({list(without)!r})); "
    code = hide + "from fastnets.cli import main; sys.exit(main())"
    command = ["-c", code] if without else ["-m", "fastnets"]
    return subprocess.Popen(
        [sys.executable, *command, *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **keywords,
    )


def run(*arguments, **keywords):
    process = start(*arguments, **keywords)
    out, err = process.communicate(timeout=600)
    return process.returncode, out, err


# ---- info ------------------------------------------------------------------------------------------------------------


def test_info_prints_what_fn_info_returns(tmp_path, capsys):
    assert cli.main(["info", "--json", str(tmp_path / "info.json")]) == 0
    out = capsys.readouterr().out
    assert re.search(rf"^version +{re.escape(fn.__version__)}$", out, re.MULTILINE)
    assert json.loads((tmp_path / "info.json").read_text()) == json.loads(json.dumps(fn.info()))


def test_info_lines_are_aligned_and_nested():
    lines = list(
        info.lines({"a": 1, "long_name": ["x", "y"], "inner": {"yes": True, "no": False, "what": None}, "e": {}})
    )
    assert lines == [
        "a          1",
        "long name  x, y",
        "inner",
        "  yes   yes",
        "  no    no",
        "  what  none",
        "e          none",
    ]


def test_bare_fastnets_prints_info_and_the_menu():
    status, out, _ = run()
    assert status == 0 and "version" in out and fn.__version__ in out
    assert all(command in out for command in ("info", "demo", "usage: fastnets"))


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["demo", "nonsense"], ["demo", "--epochs", "0"], ["demo", "classify"], ["info", "--json", "no/x"]],
)
def test_wrong_arguments_exit_with_2_and_a_sentence(arguments):
    status, out, err = run(*arguments)
    assert status == 2 and out == "" and err
    assert "Traceback" not in err


def test_demos_that_are_not_there_yet_say_so():
    status, _, err = run("demo", "classify")
    assert status == 2 and "classify is not there yet" in err


@pytest.mark.skipif(bool(fn.info()["cuda"].get("devices")), reason="there is a CUDA device")
def test_a_demo_on_a_gpu_that_is_not_there_says_so(capsys):
    assert cli.main(["demo", "--device", "cuda"]) == 2
    assert "fastnets demo: --device cuda: " in capsys.readouterr().err


def test_version():
    assert run("--version") == (0, f"fastnets {fn.__version__}\n", "")


# ---- the digits ------------------------------------------------------------------------------------------------------


def test_the_digits_are_the_published_ones():
    images, labels = fn.data.load_digits()
    assert images.shape == (1797, 1, 8, 8) and images.dtype == np.float32 and labels.dtype == np.int64
    assert (images.min(), images.max()) == (0, 1) and (images * 16 == np.rint(images * 16)).all()
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (images * 16).sum() == 561718  # scikit-learn's load_digits().data.sum()
    readme = Path(fn.data.__file__).with_name("README.md").read_text()
    assert "10.24432/C50P49" in readme and "CC BY 4.0" in readme


def test_a_third_is_held_out_and_no_image_is_on_both_sides():
    data = digits.Digits.load()
    assert len(data.labels) == 1198 and len(data.held_out_labels) == 599
    rows = {image.tobytes() for image in data.images}
    assert not rows & {image.tobytes() for image in data.held_out_images}


def test_shifting_moves_about_half_of_the_images_by_at_most_a_pixel(rng):
    images = np.zeros((400, 1, 8, 8), np.float32)
    images[:, 0, 4, 3] = 1
    moved = digits.shifted(images, rng)
    _, _, rows, columns = np.nonzero(moved)
    assert moved.shape == images.shape and len(rows) == 400
    assert set(rows) == {3, 4, 5} and set(columns) == {2, 3, 4}
    stayed = ((rows == 4) & (columns == 3)).mean()
    assert 0.4 < stayed < 0.7  # 1/2 + 1/18 expected, 6 standard deviations either way


@pytest.fixture(scope="module")
def full_run(tmp_path_factory):
    """One run of the demo as a user starts it, at full length."""
    folder = tmp_path_factory.mktemp("demo")
    status, out, err = run("demo", "--json", "result.json", cwd=folder)
    assert status == 0, err
    return folder, out, json.loads((folder / "result.json").read_text())


def test_the_demo_reaches_its_accuracy(full_run):
    _, out, result = full_run
    assert result["test_accuracy"] >= 0.985
    assert f"test accuracy {result['test_accuracy']:.2%}" in out
    assert result["losses"][-1] < 0.2 < 1 < result["losses"][0] and len(result["accuracies"]) == result["epochs"]


def test_the_demo_shows_misread_digits_speed_files_and_the_menu(full_run):
    folder, out, result = full_run
    assert out.count("read as") >= min(result["misread"], 4)
    assert "samples a second" in out and result["samples_per_second"] > 0
    for path in result["files"]:
        assert Path(path).is_absolute() and Path(path).parent == folder / "fastnets-demo"
        assert Path(path).stat().st_size > 0 and f"wrote {path}" in out
    assert "demos:" in out and "not there yet: classify" in out


def test_the_lines_that_load_the_model_run_when_pasted(full_run):
    folder, out, _ = full_run
    lines = out.split("to load the model in Python:\n\n")[1].split("\n\ndemos:")[0]
    assert len(lines.splitlines()) == 10
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, cwd=folder, check=True)
    found, labels = (np.array(re.findall(r"\d", line), int) for line in done.stdout.splitlines())
    assert len(found) == 20 and (found == labels).mean() >= 0.9


def test_the_demo_draws_its_learning_curve(full_run):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra: demo)")
    picture = (full_run[0] / "fastnets-demo" / "digits.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n" and len(picture) > 10_000


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_seed_repeats_a_training_to_the_bit(library):
    pytest.importorskip(library, reason=f"{library} is not installed (extra: peers)")
    data = digits.Digits.load()
    small = digits.Digits(data.images[:64], data.labels[:64], data.held_out_images[:9], data.held_out_labels[:9])
    runs = []
    for place in ("cpu", library if library == "torch" else "cpu"):
        fn.random.seed(5)
        model = digits.network().to(place)
        runs.append((digits.train(model, small, 2, 5, lambda status: None).losses, model.state_dict()))
    assert runs[0][0] == runs[1][0]
    for name, array in runs[0][1].items():
        np.testing.assert_array_equal(runs[1][1][name], array)


def test_the_demo_works_without_the_extras_and_says_what_is_left_out(tmp_path):
    missing = ("rich", "matplotlib", "safetensors", "torch")
    status, out, err = run("demo", "all", "--epochs", "1", "--json", "r.json", without=missing, cwd=tmp_path)
    assert status == 0, err
    result = json.loads((tmp_path / "r.json").read_text())["digits"]
    assert result["files"] == [] and result["torch_samples_per_second"] is None
    for package in missing[:3]:
        assert re.search(rf"without {package}: .*pip install 'fastnets\[demo\]'", out)
    assert "test accuracy" in out and "to load the model" not in out
    assert re.search(r"left out: search needs .*safetensors: pip install 'fastnets\[text\]'", out)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_stops_the_demo_cleanly(tmp_path):
    def heed():  # a shell's background jobs, and their children, ignore the signal
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    process = start("demo", "--epochs", "10000", cwd=tmp_path, start_new_session=True, preexec_fn=heed)
    assert process.stdout.readline().startswith("digits:")
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and err.strip() == "stopped"


# ---- the terminal ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals")
def test_on_a_terminal_there_is_a_bar_and_pictures_in_colour(tmp_path):
    pytest.importorskip("rich", reason="rich is not installed (extra: demo)")
    import pty

    control, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "COLORTERM": "truecolor"}
    environment.pop("NO_COLOR", None)
    code = "from fastnets.cli.demo import pictures; from fastnets.cli import console; import numpy as np\n"
    code += "with console.progress('training', 3) as advance: [advance(f'loss {i}') for i in range(3)]\n"
    code += "pictures.show(np.eye(8)[None], ['1 read as 7'])"
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, cwd=tmp_path)
    os.close(terminal)
    shown = b""
    try:
        while chunk := os.read(control, 4096):
            shown += chunk
    except OSError:  # Linux's end of file
        pass
    os.close(control)
    assert process.wait(timeout=30) == 0
    text = shown.decode()
    assert "training" in text and "3/3" in text and "loss 2" in text and "━" in text
    assert "48;2;255;255;255m" in text and "1 read as 7" in text


def test_elsewhere_progress_is_a_few_plain_lines(capsys):
    with console.progress("training", 30) as advance:
        for i in range(30):
            advance(f"loss {i}")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 and lines[-1] == "training 30/30  loss 29"


def test_pictures_in_characters_are_side_by_side_above_their_captions():
    text = pictures.as_text(np.stack([np.eye(2), 1 - np.eye(2)]), ["one", "two"])
    assert text.splitlines() == ["@@       @@", "  @@   @@", "one    two"]
