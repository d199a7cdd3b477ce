"""The same command again: what is finished is kept, what was cut goes on, and nothing is overwritten in silence."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from multimodal import sweep
from multimodal.evaluation.evaluator import Evaluator
from multimodal.training.trainer import Trainer
from tests.helpers.command import BRIEF, TINY, command

LINE = [*BRIEF, "output_dir=out", "tracking=disabled"]
TIMED = ("seconds", "cost/ms_per_sample_batch1", "cost/ms_per_sample_batch64", "cost/peak_memory_mb")
TIMED += ("cost/train_samples_per_s",)


def numbers(folder: Path) -> dict:
    """What a run found, but for its speed."""
    return json.loads((folder / "metrics.json").read_text()) | dict.fromkeys(TIMED)


def status(folder: Path) -> dict:
    return json.loads((folder / "status.json").read_text())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert command(folder, *LINE).status == 0
    return folder / "out"


def no_training(*_: object) -> None:
    raise AssertionError("trained again")


def test_a_finished_run_is_not_run_again(undisturbed, monkeypatch) -> None:
    monkeypatch.setattr(Trainer, "take_step", no_training)
    before = (undisturbed / "metrics.json").stat().st_mtime_ns
    done = command(undisturbed.parent, *LINE)
    assert done.status == 0, done.stderr
    assert "is finished already" in done.stderr
    assert (undisturbed / "metrics.json").stat().st_mtime_ns == before
    assert status(undisturbed) == {"status": "finished"}


def test_a_run_that_failed_in_its_evaluation_keeps_its_training(undisturbed, tmp_path, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Evaluator, "evaluate", out_of_memory)
        assert command(tmp_path, *LINE).status == 1
    assert status(tmp_path / "out")["status"] == "failed"
    assert "out_of_memory" in status(tmp_path / "out")["traceback"]
    assert not (tmp_path / "out" / "metrics.json").exists()
    monkeypatch.setattr(Trainer, "take_step", no_training)
    done = command(tmp_path, *LINE)
    assert done.status == 0, done.stderr
    assert numbers(tmp_path / "out") == numbers(undisturbed)


def out_of_memory(*_: object) -> None:
    raise MemoryError("on purpose")


def test_a_run_cut_in_its_training_goes_on(undisturbed, tmp_path, monkeypatch) -> None:
    whole, steps = Trainer.take_step, []

    def cut(self, *arguments):
        steps.append(0)
        if len(steps) == 5:
            raise KeyboardInterrupt
        return whole(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "take_step", cut)
        done = command(tmp_path, *LINE)
    assert done.status == 130
    assert "the same command again goes on" in done.stderr
    assert status(tmp_path / "out")["status"] == "interrupted"
    monkeypatch.setattr(Trainer, "take_step", lambda *a: (steps.append(0), whole(*a))[1])
    assert command(tmp_path, *LINE).status == 0
    assert len(steps) == 5 + 3  # it was cut in its fifth step, kept at its third
    assert numbers(tmp_path / "out") == numbers(undisturbed)


def test_another_evaluation_does_not_train_again(undisturbed, tmp_path, monkeypatch) -> None:
    shutil.copytree(undisturbed, tmp_path / "out")
    monkeypatch.setattr(Trainer, "take_step", no_training)
    done = command(tmp_path, *LINE, "evaluation.measures.availability.grid_steps=4")
    assert done.status == 0, done.stderr
    assert len(numbers(tmp_path / "out")["availability/surface"]) == 15


def test_anew_sets_the_old_run_aside_and_says_so(undisturbed, tmp_path) -> None:
    shutil.copytree(undisturbed, tmp_path / "out")
    done = command(tmp_path, *LINE, "resume=false")
    assert done.status == 0, done.stderr
    assert "is now in replaced/out-1" in done.stderr
    assert numbers(tmp_path / "replaced" / "out-1") == numbers(tmp_path / "out")


def test_a_sweep_given_again_skips_retries_and_adds(tmp_path, monkeypatch) -> None:
    line = ["-m", *BRIEF, "tracking=disabled"]
    whole = Trainer.take_step

    def fails_with_seed_1(self, fabric, objective, optimizer, batch):
        if str(self.seed_of_test) == "1":
            raise MemoryError("on purpose")
        return whole(self, fabric, objective, optimizer, batch)

    fit = Trainer.fit

    def remember(self, *arguments):
        self.seed_of_test = arguments[4]
        return fit(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "fit", remember)
        patch.setattr(Trainer, "take_step", fails_with_seed_1)
        done = command(tmp_path, *line, "seed=0,1")
    assert done.status == 1
    assert "2 jobs, 1 failed" in done.stdout
    assert "MemoryError: on purpose" in done.stdout
    kept = {f.parent.name: f.read_bytes() for f in (tmp_path / "runs").glob("*/metrics.json")}
    done = command(tmp_path, *line, "seed=0,1,2")
    assert done.status == 0, done.stderr
    with (tmp_path / "runs" / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["seed"], row["status"]) for row in rows] == [(str(seed), "finished") for seed in range(3)]
    after = {f.parent.name: f.read_bytes() for f in (tmp_path / "runs").glob("*/metrics.json")}
    assert len(after) == 3
    assert {name: after[name] for name in kept} == kept  # the first was not run again


def test_no_two_processes_work_on_one_run(tmp_path) -> None:
    with FileLock(tmp_path / ".out.lock"):
        done = command(tmp_path, *LINE)
    assert done.status == 1
    assert "another process is working on out" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_run_is_left_alone(tmp_path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    done = command(tmp_path, *LINE, "resume=false")
    assert done.status == 1
    assert "is not the folder of a run" in done.stderr
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_a_run_killed_in_its_first_write_is_not_in_its_own_way(undisturbed, tmp_path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".config.yaml.0123.part").write_text("half")
    assert command(tmp_path, *LINE).status == 0
    assert not list((tmp_path / "out").glob("*.part"))


def test_a_report_that_fails_does_not_hide_what_failed(tmp_path, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no space left")

    monkeypatch.setattr(sweep, "write_report", broken)
    done = command(tmp_path, "-m", *TINY, "tracking=disabled", "training.batch_size=0")
    assert done.status == 1
    assert "1 jobs, 1 failed" in done.stdout
    assert "batch_size must be a whole number of 1 or more" in done.stdout


def test_a_margin_that_is_none_is_refused_before_the_first_job(tmp_path) -> None:
    done = command(tmp_path, "-m", *TINY, "report.margin=1", "tracking=disabled")
    assert done.status == 1
    assert "report.margin must be a share" in done.stderr
    assert not (tmp_path / "runs" / "jobs").exists()
