"""Faults of the machine, each in a process of its own: what is said, what is left, and that the same command goes on.

python -m pytest -m slow tests/faults; what is full or read-only is a small tmpfs, which only root may mount.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.command import BRIEF, SCRIPT

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("default_signals")]
LINE = [*BRIEF, "evaluation.figures=null", "tracking=disabled"]
SLOWLY = """
import runpy, sys, time
from {module} import {owner}
whole = {owner}.{method}

def slowly(*arguments, **settings):
    print("here", flush=True)
    time.sleep(30)
    return whole(*arguments, **settings)

{owner}.{method} = slowly
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
MOMENTS = {  # moment: what is slow then
    "reading": ("multimodal.dataset.preparing.prepare", "Vocabulary", "of_frequent"),
    "building": ("multimodal.model", "MultimodalModel", "__init__"),
    "evaluating": ("multimodal.evaluation.evaluator", "Evaluator", "evaluate"),
    "judging": ("multimodal.judge.image", "ImageJudge", "learn"),
    "drawing": ("multimodal.figures.run_figures", "RunFigures", "draw"),
}
SIGNALS = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    line = [sys.executable, SCRIPT, *arguments, f"cache_dir={folder}/cache"]
    return subprocess.run(line, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=300)


def told(done: subprocess.CompletedProcess) -> str:
    """The one line of an error."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    return line


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 kB."""
    yield from mounted(tmp_path, "size=100k")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path, "size=100k,ro")


def mounted(folder: Path, options: str) -> Iterator[Path]:
    place = folder / "mounted"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_named_and_the_run_goes_on_elsewhere(tmp_path: Path, small: Path) -> None:
    line = told(run(tmp_path, *LINE, f"output_dir={small}/out"))
    assert f"{small}/out/last.pt: cannot be written, the disk may be full; free some space" in line
    assert json.loads((small / "out" / "status.json").read_text())["status"] == "failed"
    subprocess.run(["mount", "-o", "remount,size=50m", small], check=True)
    assert run(tmp_path, *LINE, f"output_dir={small}/out").returncode == 0


def test_a_disk_without_a_byte_is_named(tmp_path: Path, small: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        (small / "fill").write_bytes(bytes(1_000_000))
    line = told(run(tmp_path, *LINE, f"output_dir={small}/out"))
    assert f"{small}/out/config.yaml: No space left on device; free some space" in line


def test_a_read_only_disk_is_named(tmp_path: Path, read_only: Path) -> None:
    assert f"{read_only}/" in told(run(tmp_path, *LINE, f"output_dir={read_only}/out"))
    line = told(run(tmp_path, "-m", *LINE, f"output_dir={read_only}"))
    assert line.startswith(f"error: output_dir: {read_only}: Read-only file system")


def test_a_sweep_on_a_full_disk_ends_with_every_job_named(tmp_path: Path, small: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=400k,nr_inodes=1k", small], check=True)  # for the records of two jobs
    done = run(tmp_path, "-m", *LINE, "seed=0,1", f"output_dir={small}")
    assert done.returncode == 1
    assert "2 jobs, 2 failed" in done.stdout
    assert "Traceback" not in done.stderr
    assert done.stdout.count("last.pt: cannot be written, the disk may be full") == 2
    with pytest.raises(OSError, match="No space"):
        (small / "fill").write_bytes(bytes(1_000_000))
    done = run(tmp_path, "-m", *LINE, "seed=0,1", f"output_dir={small}")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"error: output_dir: {small}: No space left on device" in done.stderr


def test_a_full_folder_for_temporary_files_ends_no_tracked_run(tmp_path: Path, small: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        (small / "fill").write_bytes(bytes(1_000_000))
    done = run(tmp_path, *LINE[:-1], "tracking=offline", "output_dir=out", TMPDIR=str(small))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "metrics.json").exists()


def test_a_limit_on_files_is_named(tmp_path: Path) -> None:
    line = " ".join([sys.executable, SCRIPT, *LINE, "output_dir=out", f"cache_dir={tmp_path}/cache"])
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 20; exec {line}"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert "out/last.pt: " in told(done)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_at_any_moment_is_told_and_the_same_command_goes_on(
    tmp_path: Path, moment: str, number: signal.Signals
) -> None:
    module, owner, method = MOMENTS[moment]
    line = [sys.executable, "-c", SLOWLY.format(module=module, owner=owner, method=method), SCRIPT, *BRIEF]
    line += (
        ["evaluation.measures.images={_target_: multimodal.evaluation.images.Images}"] if moment == "judging" else []
    )
    line += ["tracking=disabled", "output_dir=out", f"cache_dir={tmp_path}/cache"]
    pipe = subprocess.PIPE
    with subprocess.Popen(line, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout.readline() == "here\n"
        time.sleep(0.2)
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number
    assert "Traceback" not in said
    assert said.count("the same command again") == 1
    status = tmp_path / "out" / "status.json"
    if moment not in ("reading", "building"):
        assert json.loads(status.read_text())["status"] == "interrupted"
    assert run(tmp_path, *LINE, "output_dir=out").returncode == 0
    assert json.loads(status.read_text()) == {"status": "finished"}


def test_two_equal_sweeps_at_once_lose_no_job(tmp_path: Path) -> None:
    line = [sys.executable, SCRIPT, "-m", *LINE, "seed=0,1", f"cache_dir={tmp_path}/cache"]
    pipe = subprocess.PIPE
    both = [subprocess.Popen(line, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    said = [process.communicate(timeout=300)[0] for process in both]
    for process, text in zip(both, said, strict=True):
        assert "2 jobs, " in text
        assert (process.returncode == 0) == ("2 jobs, 0 failed" in text)


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("café", {"PYTHONIOENCODING": "ascii"}), ("cafe", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})],
)
def test_a_terminal_without_utf8_ends_nothing(tmp_path: Path, name: str, encoding: dict[str, str]) -> None:
    done = run(tmp_path, "-m", *LINE, "fusion=attention,concat", f"output_dir='{name}'", **encoding)
    assert done.returncode == 0, done.stderr
    assert name.encode("ascii", "backslashreplace").decode() in done.stdout
    (folder,) = (tmp_path / name).glob("mnist-concat-*")
    line = ["mode=generate", f"checkpoint='{folder}'", "text=a thick seven", "output_dir=drawings"]
    done = run(tmp_path, *line, **encoding)
    assert done.returncode == 0, done.stderr
    assert "drawing: drawings/drawing-1.png" in done.stdout
    assert run(tmp_path, "mode=report", f"output_dir='{name}'", **encoding).returncode == 0


def test_a_diverged_run_of_two_processes_ends_in_a_line(tmp_path: Path) -> None:
    line = told(run(tmp_path, *LINE, "optimizer.lr=1e30", "training.devices=2", "output_dir=out"))
    assert "the training loss was nan" in line


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-m", "mode=report"], "mode=report compares a folder of runs as it is: give it without -m"),
        (["mode=report", "output_dir=nowhere"], "there is no finished run in nowhere"),
        (["mode=generate", "text=a", "checkpoint=nowhere"], "checkpoint: there is no nowhere"),
        ([*LINE, "output_dir=file"], "output_dir: file is a file; give a folder"),
        (
            [*LINE, "output_dir=conf"],
            "output_dir: conf/config.yaml is not the record of a run; give another output_dir",
        ),
        ([*LINE, "output_dir=file/x"], "output_dir: file: "),
    ],
)
def test_a_wrong_place_is_told_in_a_line(tmp_path: Path, arguments: list[str], reason: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("defaults: []")
    done = run(tmp_path, *arguments)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert reason in done.stderr + done.stdout


def test_a_hundred_jobs_in_one_process_leave_nothing_in_it(tmp_path: Path) -> None:
    """Resident memory, open files and threads after each job; the first ten fill caches."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.soak", tmp_path, "100"], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    rows = np.array([line.split() for line in done.stdout.splitlines()], float)[10:]
    slope = np.polyfit(np.arange(len(rows)), rows[:, 0], 1)[0]  # MB a job
    print(f"{slope:.3f} MB a job, {rows[0, 0]:.0f} MB after ten, {rows[-1, 0]:.0f} MB after a hundred")
    assert slope < 0.2
    assert rows[-1, 0] - rows[0, 0] < 0.2 * len(rows)
    assert len(set(rows[:, 1])) == len(set(rows[:, 2])) == 1
