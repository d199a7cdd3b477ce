"""A sweep of the command: its table, its records, a job that fails."""

import csv
from pathlib import Path

from tests.command import TINY, command


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


def test_a_mistake_in_the_sweep_itself_starts_no_job(tmp_path: Path) -> None:
    done = command(tmp_path, "-m", *TINY, "evaluation.fill=none,generated", "output_dir=sweep")
    assert done.status == 1
    assert "evaluation.fill cannot be swept while training: train first, then sweep it with" in done.stderr
    assert not (tmp_path / "sweep").exists()
