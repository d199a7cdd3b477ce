"""A sweep of the command: its table, its records, a job that fails."""

import csv
import json
import os
import signal
from pathlib import Path

import pytest
from filelock import FileLock

from multimodal.evaluation.evaluator import Evaluator
from multimodal.runs.job import JobRecord
from multimodal.sweep import as_text, swept_settings, table_rows
from multimodal.training.trainer import Trainer
from tests.helpers.command import BRIEF, TINY, command
from tests.helpers.offline_wandb import read_runs


def test_a_sweep_ends_in_a_table(tmp_path: Path) -> None:
    small = ["head.image.width=8", "encoder/image=cnn", "encoder.image.widths=[8,8]", "fusion=concat"]
    done = command(tmp_path, "-m", "dataset=mnist,animals", *BRIEF, *small, "tracking=offline")
    assert done.status == 0, done.stderr
    with (tmp_path / "runs" / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["dataset"], row["fusion"]) for row in rows] == [("animals", "concat"), ("mnist", "concat")]
    assert all(0 <= float(row["accuracy/both"]) <= 1 and row["source"] == "embedded" for row in rows)
    assert all(row["text_to_image/ssim"] == "" for row in rows)  # a measure that is off
    assert "2 jobs, 0 failed" in done.stdout
    assert len(list((tmp_path / "runs").glob("*/wandb/offline-run-*"))) == 2  # one tracked run a job


def test_what_was_swept_has_columns_of_its_own() -> None:
    """Numbers by their size; not what all jobs have, nor what has a column anyway."""

    def job(fusion: str, seed: int, *overrides: str) -> JobRecord:
        line = [f"fusion={fusion}", f"seed={seed}", "dataset.source=embedded", "dim=32", *overrides]
        return JobRecord("", line, dataset="mnist", fusion=fusion, seed=seed, status="failed")

    records = [
        job("concat", 0, "task=noisy", "training.steps=600"),
        job("concat", 1, "task=noisy", "training.steps=90"),
        job("concat", 0, "task=noisy", "training.steps=90"),
        job("concat", 0, "encoder/text=gru", "training.steps=90"),
    ]
    names = swept_settings(records)
    assert names == ["task", "training.steps", "encoder/text"]
    rows = table_rows(records, names)
    assert list(rows[0])[:7] == ["dataset", "fusion", "task", "training.steps", "encoder/text", "seed", "status"]
    assert [(row["task"], row["training.steps"], row["seed"]) for row in rows] == [
        ("", "90", 0),
        ("noisy", "90", 0),
        ("noisy", "90", 1),
        ("noisy", "600", 0),
    ]
    heads, names_below, first, *_ = (line.split() for line in as_text(rows, names).splitlines())
    assert names_below[:7] == ["dataset", "source", "fusion", "task", "training.steps", "text", "seed"]
    assert "encoder" in heads
    assert first[:4] == ["mnist", "concat", "90", "gru"]


@pytest.mark.slow
def test_a_sweep_over_datasets_and_fusions_with_every_measure(tmp_path: Path) -> None:
    line = [*TINY, "head.image.width=8"]
    done = command(tmp_path, "-m", "dataset=mnist,animals", "fusion=attention,concat", *line, "tracking=offline")
    assert done.status == 0, done.stderr
    with (tmp_path / "runs" / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    jobs = [(row["dataset"], row["fusion"]) for row in rows]
    assert jobs == [(d, f) for d in ("animals", "mnist") for f in ("attention", "concat")]
    assert all(0 <= float(row["text_to_image/ssim"]) <= 1 for row in rows)
    done = command(tmp_path, "mode=evaluate", f"checkpoint={rows[1]['folder']}", "tracking=disabled")
    assert done.status == 0, done.stderr  # a ResNet's checkpoint has its weights


def raised(self, fabric, objective, optimizer, batch):
    """In the place of `Trainer.take_step`: each kind of failure for another learning rate."""
    rate = self.optimizer.keywords["lr"]
    if rate in ERRORS:
        raise ERRORS[rate]
    terms = TAKE_STEP(self, fabric, objective, optimizer, batch)
    return terms | {"loss": terms["loss"] * float("nan")} if rate == 0.4 else terms


TAKE_STEP = Trainer.take_step
ERRORS = {0.1: RuntimeError("broken"), 0.2: MemoryError("on purpose"), 0.3: SystemExit(3)}


def test_failing_jobs_are_recorded_here_and_on_the_tracker_and_the_others_finish(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Trainer, "take_step", raised)
    rates = "optimizer.lr=0,0.1,0.2,0.3,0.4,0.001"
    done = command(tmp_path, "-m", rates, *BRIEF, "tracking=offline")
    assert done.status == 1
    assert "6 jobs, 5 failed" in done.stdout
    told = {
        "0": "ValueError: optimizer.lr must be a number, above 0, got 0",
        "0.1": "RuntimeError: broken",
        "0.2": "MemoryError: on purpose",
        "0.3": "SystemExit: 3",
        "0.4": "FloatingPointError: the training loss was nan",
    }
    for rate, error in told.items():
        assert f"failed: optimizer.lr={rate} {' '.join(BRIEF)} tracking=offline" in done.stdout
        assert error in done.stdout
    with (tmp_path / "runs" / "sweep.csv").open() as file:
        assert sorted(row["status"] for row in csv.DictReader(file)) == ["failed"] * 5 + ["finished"]
    found = [run for folder in tmp_path.glob("runs/**/wandb") for run in read_runs(folder.parent)]
    tracked = [run for run in found if run["tags"] != ["comparison"]]
    assert len(found) == len(tracked) + 1  # the comparison's figure has a run of its own
    assert sorted(run["exit"] for run in tracked) == [0, 1, 1, 1, 1, 1]  # one run a job, also where no training began
    assert {run["group"] for run in tracked} == {"runs"}
    errors = sorted(run["summary"]["error"] for run in tracked if run["exit"])
    assert all(error.startswith(start) for error, start in zip(errors, sorted(told.values()), strict=True))
    assert all("Traceback" in run["summary"]["traceback"] for run in tracked if run["exit"])


def test_a_mistake_in_the_sweep_itself_starts_no_job(tmp_path: Path) -> None:
    done = command(tmp_path, "-m", *BRIEF, "evaluation.fill=none,generated", "output_dir=sweep")
    assert done.status == 1
    assert "evaluation.fill cannot be swept while training: train first, then sweep it with" in done.stderr
    assert not (tmp_path / "sweep").exists()


def test_a_sweep_whose_check_fails_is_not_started(tmp_path: Path, monkeypatch) -> None:
    """Hydra would warn of what a callback raises, and start the jobs."""
    monkeypatch.setattr("multimodal.sweep.check_swept", lambda config: 1 / 0)
    done = command(tmp_path, "-m", *BRIEF, "seed=0,1", "output_dir=sweep")
    assert done.status == 1
    assert "ZeroDivisionError" in done.stderr
    assert done.stderr.endswith("error: the sweep cannot be checked, so it is not started\n")
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize(
    ("arguments", "setting"),
    [
        (["hydra.run.dir=x"], "hydra.run.dir"),
        (["hydra.job.chdir=true"], "hydra.job.chdir"),
        (["-m", "hydra.job.chdir=true"], "hydra.job.chdir"),
        (["-m", "hydra.sweep.dir=x"], "hydra.sweep.dir"),
        (["-m", "hydra.sweep.dir=x", "output_dir=y"], "hydra.sweep.dir"),
        (["-m", "hydra.sweep.subdir=.."], "hydra.sweep.subdir"),
        (["-m", "hydra.sweep.subdir=${hydra.job.num}"], "hydra.sweep.subdir"),
        (["hydra.output_subdir=.hydra"], "hydra.output_subdir"),
        (["-m", "output_dir=x,y"], "output_dir"),
    ],
)
def test_folders_of_hydras_own_are_refused_in_a_line(tmp_path: Path, arguments: list[str], setting: str) -> None:
    done = command(tmp_path, *arguments, *BRIEF, "tracking=disabled")
    assert done.status == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {setting} cannot be s")
    assert "output_dir" in line
    assert not list(tmp_path.iterdir())


def test_a_diverged_job_takes_a_line(tmp_path: Path) -> None:
    done = command(tmp_path, "-m", *BRIEF, "optimizer.lr=1e30", "seed=0,1", "tracking=disabled")
    assert done.status == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.count("the training loss was") == 2
    assert done.stdout.count("FloatingPointError: the training loss was") == 2


def test_a_wandb_run_that_the_environment_names_is_not_that_of_every_job(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("WANDB_RUN_ID", "mine")
    monkeypatch.setenv("WANDB_NAME", "mine")
    done = command(tmp_path, "-m", *BRIEF, "seed=0,1", "tracking=offline")
    assert done.status == 0, done.stderr
    assert (done.stdout + done.stderr).count("WANDB_RUN_ID, WANDB_NAME: dropped") == 1
    names = [folder.name for folder in tmp_path.glob("runs/*/wandb/offline-run-*")]
    assert len(set(names)) == 2
    assert not [name for name in names if name.endswith("-mine")]


def test_an_equal_sweep_beside_this_one_hides_no_job(tmp_path: Path, monkeypatch) -> None:
    """The other one works on the first run and, in the end, overwrites the record of its job."""
    fit = Trainer.fit

    def other_sweep_ends(self, *arguments):
        for file in (tmp_path / "runs" / "jobs").glob("*.json"):
            other = json.loads(file.read_text()) | {"sweep": "other", "status": "finished"}
            file.write_text(json.dumps(other))
        return fit(self, *arguments)

    monkeypatch.setattr(Trainer, "fit", other_sweep_ends)
    first = command(tmp_path, "-m", *BRIEF, "seed=0,1", "tracking=disabled")
    assert "2 jobs, 0 failed" in first.stdout
    (run,) = (tmp_path / "runs").glob("mnist-attention-s0-*")
    with FileLock(run.with_name(f".{run.name}.lock")):
        done = command(tmp_path, "-m", *BRIEF, "seed=0,1", "tracking=disabled")
    assert done.status == 1
    assert "2 jobs, 1 failed" in done.stdout
    assert f"another process is working on runs/{run.name}" in done.stdout
    assert not list((tmp_path / "runs" / "jobs").glob(".*/*.json"))  # read, and not needed any more


def test_a_job_without_a_record_is_a_failure(tmp_path: Path, monkeypatch) -> None:
    def full(self, folder):
        raise OSError(28, "No space left on device", str(folder))

    monkeypatch.setattr(JobRecord, "write", full)
    done = command(tmp_path, "-m", *BRIEF, "seed=0,1", "tracking=disabled")
    assert done.status == 1
    assert "2 jobs, 2 failed" in done.stdout
    assert "2 of the jobs left no readable record" in done.stdout
    assert "runs: No space left on device; free some space" in done.stderr


@pytest.mark.usefixtures("default_signals")
def test_an_interrupted_job_says_so_and_ends_the_sweep(tmp_path: Path, monkeypatch) -> None:
    def stop(self, *arguments):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Evaluator, "evaluate", stop)
    done = command(tmp_path, "-m", *BRIEF, "seed=0,1", "tracking=disabled")
    assert done.status == 128 + signal.SIGTERM
    assert "stopped by SIGTERM; the same command again goes on from what was saved" in done.stderr
    assert "Traceback" not in done.stderr
    (record,) = (json.loads(file.read_text()) for file in (tmp_path / "runs" / "jobs").glob("*.json"))
    assert record["status"] == "interrupted"
    (status,) = (json.loads(file.read_text()) for file in (tmp_path / "runs").glob("*/status.json"))
    assert status["status"] == "interrupted"


@pytest.mark.usefixtures("default_signals")
@pytest.mark.parametrize(
    ("line", "stopped", "message"),
    [
        ("mode=demo", "multimodal.demo.command.check_installed", "stopped by SIGTERM; the demo is ended"),
        ("mode=report", "multimodal.run.write_report", "stopped by SIGTERM"),
        ("mode=export checkpoint=x", "multimodal.run.open_checkpoint", "stopped by SIGTERM"),
        ("mode=generate checkpoint=x text=seven", "multimodal.run.open_checkpoint", "stopped by SIGTERM"),
        (
            "mode=generate checkpoint=x samples=some.txt",
            "multimodal.run.open_checkpoint",
            "stopped by SIGTERM; the same command again goes on from what was saved",
        ),
    ],
)
def test_only_a_mode_that_saves_is_said_to_go_on(
    tmp_path: Path, monkeypatch, line: str, stopped: str, message: str
) -> None:
    (tmp_path / "some.txt").write_text("seven\n")
    monkeypatch.setattr("multimodal.run.check_installed", lambda: None)
    monkeypatch.setattr(stopped, lambda *arguments: signal.raise_signal(signal.SIGTERM))
    done = command(tmp_path, *line.split())
    assert (done.status, done.stderr) == (128 + signal.SIGTERM, f"{message}\n")


@pytest.mark.usefixtures("default_signals")
def test_before_its_time_limit_a_job_is_saved_and_put_back_into_the_queue_where_asked(tmp_path, monkeypatch) -> None:
    take_step, steps = Trainer.take_step, []

    def warned(*arguments):
        steps.append(len(steps))
        if steps[-1] == 2:
            signal.raise_signal(signal.SIGTERM)
        return take_step(*arguments)

    (tmp_path / "scontrol").write_text(f"#!/bin/sh\necho $* >> {tmp_path}/queue\n")
    (tmp_path / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setattr(Trainer, "take_step", warned)
    line = [*BRIEF, "tracking=disabled", "output_dir=run", "requeue=true"]
    done = command(tmp_path, *line)
    assert done.status == 128 + signal.SIGTERM
    assert "stopped after step 3 by SIGTERM" in done.stderr
    assert "requeue=true: job 7 is in the queue again" in done.stderr
    assert (tmp_path / "queue").read_text() == "requeue 7\n"
    assert command(tmp_path, *line).status == 0
    assert len(steps) == 6  # of training.steps: none is taken twice
    steps.clear()
    done = command(tmp_path, *BRIEF, "tracking=disabled", "output_dir=other")
    assert "stopped after step 3 by SIGTERM" in done.stderr
    assert (tmp_path / "queue").read_text() == "requeue 7\n"


def test_a_job_that_begins_anew_is_not_put_back_for_ever(tmp_path: Path) -> None:
    done = command(tmp_path, *BRIEF, "requeue=true", "resume=false")
    assert "requeue=true needs resume=true" in done.stderr
