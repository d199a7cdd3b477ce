"""The command itself: a run, its evaluation again, a sweep, a failing job, bad input."""

import csv
import json
import runpy
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
import torch

SCRIPT = str(Path(__file__).parent.parent / "scripts" / "run.py")
TINY = ["dataset.source=embedded", "dataset.limit=200", "training.steps=6", "training.validations=2"]
TINY += ["evaluation.evaluator.image_judge.steps=5", "evaluation.figures.points=60", "dim=16"]
FIGURES = {"curves", "tsne", "generation", "masking", "availability", "data_card"}


@dataclass
class Done:
    """How a command ended and what it wrote."""

    status: int
    stdout: str
    stderr: str


def command(folder: Path, *arguments: str) -> Done:
    """scripts/run.py in `folder`, in this process: starting Python and its libraries anew takes most of a tiny run."""
    out, err, status = StringIO(), StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        patch.setattr(sys, "argv", [SCRIPT, *arguments, f"cache_dir={folder}/cache"])
        try:
            runpy.run_path(SCRIPT, run_name="__main__")
        except SystemExit as exit:
            status = exit.code
            if isinstance(status, str):  # Python prints it and exits with 1
                status = print(status, file=err) or 1
    return Done(status, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """The folder of a finished tiny run, made by a process of its own, as a user's is."""
    folder = tmp_path_factory.mktemp("run")
    line = [sys.executable, SCRIPT, *TINY, "output_dir=out", "tracking=disabled", f"cache_dir={folder}/cache"]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder / "out"


def test_a_run_leaves_its_numbers_its_history_and_its_figures(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["data_source"] == "embedded"
    assert set(metrics["undefined"]) == {name for name, value in metrics.items() if value is None}
    for name in ("accuracy/image", "availability/mean", "image_to_text/bleu4", "text_to_image/ssim_skill"):
        assert name in metrics
    with (run / "history.csv").open() as file:
        assert [float(row["step"]) for row in csv.DictReader(file)] == [3, 6]
    assert {file.stem for file in run.glob("*.png")} == FIGURES


def test_the_checkpoint_loads_with_weights_only(run: Path) -> None:
    state = torch.load(run / "best.pt", weights_only=True)
    assert state["vocabulary"][:4] == ["<pad>", "<unk>", "<bos>", "<eos>"]
    assert state["config"]["data_source"] == "embedded"


def test_evaluating_again_gives_the_same_numbers(run: Path) -> None:
    done = command(run.parent, "mode=evaluate", "checkpoint=out", "tracking=disabled", "output_dir=again")
    assert done.status == 0, done.stderr
    first = json.loads((run / "metrics.json").read_text())
    again = json.loads((run.parent / "again" / "metrics.json").read_text())
    assert again == first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mode=evaluate", "checkpoint=nowhere"], "there is no nowhere"),
        (["mode=evaluate", "checkpoint=out", "fusion=concat"], "fusion"),
        (["dataset.source=path", "dataset.path=nowhere"], "there is no nowhere"),
        ([*TINY, "output_dir=out", "tracking=disabled", "fusion=concat"], "another experiment"),
    ],
)
def test_bad_input_is_one_clear_error(run: Path, arguments: list[str], message: str) -> None:
    done = command(run.parent, *arguments)
    assert done.status != 0
    assert message in done.stderr
    assert "training:" not in done.stderr  # no step was taken


def test_a_mistake_is_told_in_a_line_and_not_in_a_traceback(run: Path) -> None:
    done = command(run.parent, "mode=evaluate", "checkpoint=nowhere")
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: checkpoint: there is no nowhere")


def test_a_checkpoint_is_not_evaluated_on_other_data_unless_asked(run: Path) -> None:
    done = command(run.parent, "mode=evaluate", "checkpoint=out", "dataset.source=embedded", "output_dir=same")
    assert done.status == 0, done.stderr  # the very data it learned from
    state = torch.load(run / "best.pt", weights_only=True)
    state["config"]["fingerprint"] = "another"
    torch.save(state, run.parent / "other.pt")
    done = command(run.parent, "mode=evaluate", "checkpoint=other.pt", "output_dir=other")
    assert done.status == 1
    assert "learned from embedded data another" in done.stderr
    done = command(run.parent, "mode=evaluate", "checkpoint=other.pt", "output_dir=other", "dataset.source=embedded")
    assert done.status == 0, done.stderr
    assert "make sure that its test samples were not trained on" in done.stderr


def test_checkpoints_evaluated_in_a_sweep_keep_apart(run: Path) -> None:
    done = command(run.parent, "-m", "mode=evaluate", "checkpoint=out,out/last.pt", "output_dir=kept")
    assert done.status == 0, done.stderr
    with (run.parent / "kept" / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["fusion"] for row in rows} == {"attention"}
    assert len({row["folder"] for row in rows}) == 2


def test_a_sweep_ends_in_a_table(tmp_path: Path) -> None:
    done = command(tmp_path, "-m", "dataset=mnist,animals", "fusion=attention,concat", *TINY, "tracking=offline")
    assert done.status == 0, done.stderr
    with (tmp_path / "runs" / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    jobs = [(row["dataset"], row["fusion"]) for row in rows]
    assert jobs == [
        ("animals", "attention"),
        ("animals", "concat"),
        ("mnist", "attention"),
        ("mnist", "concat"),
    ]
    assert all(0 <= float(row["accuracy/both"]) <= 1 and row["source"] == "embedded" for row in rows)
    assert "4 jobs, 0 failed" in done.stdout
    assert len(list((tmp_path / "runs").glob("*/wandb/offline-run-*"))) == 4  # one tracked run a job
    done = command(tmp_path, "mode=evaluate", f"checkpoint={rows[1]['folder']}", "tracking=disabled")
    assert done.status == 0, done.stderr  # a ResNet's checkpoint has its weights


def test_a_failing_job_is_recorded_and_the_others_finish(tmp_path: Path) -> None:
    done = command(tmp_path, "-m", "training.batch_size=0,32", *TINY, "tracking=disabled")
    assert done.status == 1
    assert "2 jobs, 1 failed" in done.stdout
    assert "batch_size must be a number above 0, got 0" in done.stdout
    with (tmp_path / "runs" / "sweep.csv").open() as file:
        assert sorted(row["status"] for row in csv.DictReader(file)) == ["failed", "finished"]
