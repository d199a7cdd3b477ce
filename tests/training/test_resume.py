"""A run that was stopped, anywhere and anyhow, ends as if it had not been."""

import math
import multiprocessing
import os
import random
import re
import shutil
import signal
import struct
import sys
import threading
import time
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from multimodal.loss.label import LabelCrossEntropy
from multimodal.loss.weighted import WeightedLoss
from multimodal.training import checkpoint_manager as run_files
from multimodal.training.checkpoint_file import load_checkpoint, save_checkpoint
from multimodal.training.interruption import Interrupted
from multimodal.training.trainer import Trainer
from tests.helpers.tiny_training import DATA, adamw, fit, left, same, timeless

# Python 3.12 on warns of a fork of a process with threads
pytestmark = [
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
    pytest.mark.usefixtures("one_thread", "default_signals"),
]
STEPS, EVERY = 12, 4


@pytest.fixture(scope="module")
def whole(tmp_path_factory, one_thread):
    """What a run that nobody stopped left, its model, and the next random number."""
    folder = tmp_path_factory.mktemp("whole")
    _, model, _ = fit(folder)
    return left(folder), model.state_dict(), torch.rand(())


def goes_on(folder, whole, **changed):
    """The same command again ends as if nothing had happened; returns the rows it logged."""
    logged = []
    history, model, _ = fit(folder, resume=True, log=logged.append, **changed)
    following = torch.rand(())
    assert logged == history
    assert same(left(folder), whole[0])
    assert same(model.state_dict(), whole[1])
    assert torch.equal(following, whole[2])  # what comes after training draws the same, too
    assert {file.name for file in folder.iterdir()} == {"best.pt", "last.pt", "history.csv"}
    return history


def at_step(step, act):
    """`Trainer.take_step`, with `act` called while that step is taken."""
    take_step, taken = Trainer.take_step, 0

    def acting(*arguments):
        nonlocal taken
        taken += 1
        terms = take_step(*arguments)
        if taken == step:
            act()
        return terms

    return acting


@pytest.mark.parametrize(
    ("step", "number"),  # between two validations, and at one; the others are of the same kinds
    [(6, signal.SIGINT), (8, signal.SIGTERM)]
    + [pytest.param(step, signal.SIGTERM, marks=pytest.mark.slow) for step in range(1, STEPS + 1)],
)
def test_a_signal_at_any_step_keeps_that_step_and_the_run_goes_on_from_it(tmp_path, whole, step, number):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "take_step", at_step(step, lambda: signal.raise_signal(number)))
        with pytest.raises(Interrupted, match=f"{number.name}; run the same command again to resume from step {step}$"):
            fit(tmp_path)
    kept = load_checkpoint(tmp_path / "last.pt")
    assert kept["step"] == step
    assert kept["processes"][0]["means"]["weight"] == 8 * (step % EVERY)
    assert len(kept["history"]) == step // EVERY
    goes_on(tmp_path, whole)


@pytest.mark.parametrize("changed", [{"accumulation": 2}, {"ema_decay": 0.8}])
def test_what_a_training_has_beside_its_weights_goes_on_too(tmp_path, changed):
    for folder in (tmp_path / "whole", tmp_path / "stopped"):
        folder.mkdir()
    _, model, _ = fit(tmp_path / "whole", **changed)
    assert stopped(tmp_path / "stopped", 6, **changed).step == 6
    _, resumed, _ = fit(tmp_path / "stopped", resume=True, **changed)
    assert same(left(tmp_path / "stopped"), left(tmp_path / "whole"))
    assert same(resumed.state_dict(), model.state_dict())


@pytest.mark.slow
def test_a_run_stopped_after_every_single_step_is_the_same_run(tmp_path, whole):
    for step in range(1, STEPS + 1):
        assert stopped(tmp_path, 1, resume=True).step == step
    goes_on(tmp_path, whole)


def slowly(seconds):
    """`Trainer.take_step`, taking so much longer."""
    take_step = Trainer.take_step

    def slow(*arguments):
        time.sleep(seconds)
        return take_step(*arguments)

    return slow


def stopped(folder, step, **changed):
    """The error of a run that got SIGTERM in its `step`-th step from here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "take_step", at_step(step, lambda: signal.raise_signal(signal.SIGTERM)))
        with pytest.raises(Interrupted) as interrupted:
            fit(folder, **changed)
    return interrupted.value


def in_a_fork(act):
    """Exit status of a process that does it."""
    process = multiprocessing.get_context("fork").Process(target=act)
    process.start()
    process.join(60)
    return process.exitcode


def kill_self():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("write", "moment"),  # `last`, `best`, history.csv at each of three validations; one moment of each kind, then all
    [(4, "within"), (5, "before"), (6, "before")]
    + [pytest.param(i, m, marks=pytest.mark.slow) for i in range(1, 10) for m in ("before", "within")],
)
def test_killed_at_any_write_the_run_goes_on(tmp_path, whole, monkeypatch, write, moment):
    """SIGKILL; each of the files may then be older than the one written before it, or missing, never broken."""
    written = 0

    def killing(function, temporary):
        def wrapped(content, path):
            nonlocal written
            written += 1
            if written == write and moment == "before":
                kill_self()
            if written == write and moment == "within":
                path.with_name(temporary.format(path.name)).write_bytes(b"PK half a file")
                kill_self()
            function(content, path)

        return wrapped

    def run():
        monkeypatch.setattr(run_files, "save_checkpoint", killing(run_files.save_checkpoint, ".{}.123.part"))
        monkeypatch.setattr(run_files, "write_csv", killing(run_files.write_csv, ".{}.123.part"))
        fit(tmp_path)

    assert in_a_fork(run) == -signal.SIGKILL
    if (tmp_path / "best.pt").exists():  # never newer: on another machine the run may not come by it again
        assert load_checkpoint(tmp_path / "best.pt")["step"] <= load_checkpoint(tmp_path / "last.pt")["step"]
    goes_on(tmp_path, whole)


@pytest.mark.slow
def test_killed_again_and_again_at_any_time_the_run_ends_the_same(tmp_path, whole, monkeypatch):
    monkeypatch.setattr(Trainer, "take_step", slowly(0.02))
    draw, kills, status = random.Random(0), 0, None
    while status != 0:
        process = multiprocessing.get_context("fork").Process(target=fit, args=[tmp_path], kwargs={"resume": True})
        process.start()
        process.join(draw.uniform(0.05, 0.15) * (1 + kills / 8))  # ever later, so that it ends
        if process.exitcode is None:
            process.kill()
            kills += 1
        process.join()
        status = process.exitcode
        assert status in (0, -signal.SIGKILL)
    assert kills > 0
    goes_on(tmp_path, whole)


def test_the_second_signal_stops_at_once_and_leaves_the_last_checkpoint(tmp_path, whole):
    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "take_step", at_step(6, twice))
        with pytest.raises(KeyboardInterrupt) as error:
            fit(tmp_path)
    assert not isinstance(error.value, Interrupted)
    assert load_checkpoint(tmp_path / "last.pt")["step"] == EVERY
    goes_on(tmp_path, whole)


def test_a_finished_run_takes_no_step(tmp_path, whole, monkeypatch):
    first, _, _ = fit(tmp_path)
    monkeypatch.setattr(Trainer, "take_step", lambda *arguments: pytest.fail("a step was taken"))
    assert goes_on(tmp_path, whole) == first  # the clock's column as well


def test_a_run_that_stopped_early_is_finished(tmp_path, monkeypatch):
    settings = {"optimizer": adamw(lr=1.0), "steps": 30, "num_validations": 30, "patience": 2}
    first, _, _ = fit(tmp_path, **settings)
    assert first[-1]["step"] < 30
    monkeypatch.setattr(Trainer, "take_step", lambda *arguments: pytest.fail("a step was taken"))
    again, _, _ = fit(tmp_path, resume=True, **settings)
    assert again == first


def test_patience_is_not_renewed_by_a_stop(tmp_path):
    settings = {"optimizer": adamw(lr=1.0), "steps": 30, "num_validations": 30, "patience": 2}
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    expected, _, _ = fit(tmp_path / "whole", **settings)
    stopped(tmp_path / "stopped", len(expected) - 1, **settings)
    history, _, _ = fit(tmp_path / "stopped", resume=True, **settings)
    assert timeless(history) == timeless(expected)


def test_a_run_that_keeps_the_most_accurate_checkpoint_goes_on_too(tmp_path):
    settings = {"select": "accuracy", "steps": 30, "num_validations": 15, "patience": 5}
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    expected, _, _ = fit(tmp_path / "whole", **settings)
    stopped(tmp_path / "stopped", expected[-1]["step"] - 3, **settings)
    (tmp_path / "stopped" / "history.csv").unlink()  # as if it had been killed before these were written
    fit(tmp_path / "stopped", resume=True, **settings)
    assert same(left(tmp_path / "stopped"), left(tmp_path / "whole"))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"select": "accuracy"}, "another run, which differs in select"),
        ({"seed": 1}, "another run, which differs in seed"),
        ({"optimizer": adamw(lr=0.02)}, "another run, which differs in optimizer"),
        ({"steps": 16}, "another run, which differs in steps"),
    ],
)
def test_another_run_begins_at_the_beginning_and_says_why(tmp_path, caplog, changed, reason):
    (tmp_path / "fresh").mkdir()
    fit(tmp_path)
    history, _, _ = fit(tmp_path, resume=True, **changed)
    expected, _, _ = fit(tmp_path / "fresh", **changed)
    assert timeless(history) == timeless(expected)
    assert reason in caplog.text


def test_without_resume_nothing_of_an_older_run_is_left(tmp_path, whole):
    fit(tmp_path, seed=1)
    stopped(tmp_path, 1)
    assert not (tmp_path / "best.pt").exists()
    goes_on(tmp_path, whole)


def test_a_log_file_gets_a_line_a_validation_and_no_bar(tmp_path, capsys, caplog):
    caplog.set_level("INFO")
    fit(tmp_path)
    assert "\r" not in capsys.readouterr().err
    lines = [line for line in caplog.messages if line.startswith("step ")]
    assert [line.split(":")[0] for line in lines] == ["step 4/12", "step 8/12", "step 12/12"]
    assert all("validation loss" in line and "samples/s" in line for line in lines)


def test_the_bar_starts_where_the_run_goes_on(tmp_path, capsys, monkeypatch):
    stopped(tmp_path, 6)
    capsys.readouterr()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    fit(tmp_path, resume=True)
    assert "50%" in capsys.readouterr().err.split("\r")[1]


def test_the_time_before_a_stop_counts_for_the_speed(tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "take_step", slowly(0.1))
    stopped(tmp_path, 3)
    history, _, _ = fit(tmp_path, resume=True)
    assert history[0]["train/samples_per_s"] < 32 / 0.4  # four steps of 0.1 s at least


@pytest.fixture(scope="module")
def worsened(tmp_path_factory, one_thread) -> SimpleNamespace:
    """A finished training whose best checkpoint is not its last, and its settings."""
    folder = tmp_path_factory.mktemp("worsened")
    other = replace(DATA.splits["validation"], label=(DATA.splits["validation"].label + 1) % 3)
    data = replace(DATA, splits=DATA.splits | {"validation": other})  # the more it learns, the worse that looks
    label = WeightedLoss({"label": LabelCrossEntropy(0.0)}, {"label": 1.0})
    settings = {"optimizer": adamw(lr=0.1), "data": data, "loss": label}
    fit(folder, **settings)
    history = load_checkpoint(folder / "last.pt")["history"]
    assert history[-1]["validation/loss"] > min(row["validation/loss"] for row in history)
    return SimpleNamespace(folder=folder, settings=settings)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: (folder / "last.pt").write_bytes(b"PK"), "not a readable checkpoint"),
        (lambda folder: (folder / "best.pt").unlink(), r"best\.pt is not the checkpoint of step"),
        (lambda folder: flip(folder / "last.pt"), r"last\.pt is not a readable checkpoint .*checksum of .* is wrong"),
        (lambda folder: flip(folder / "best.pt"), r"best\.pt is not a readable checkpoint .*checksum of .* is wrong"),
        (lambda folder: change(folder / "last.pt", optimizer=None), "it has no optimizer"),
        (lambda folder: change(folder / "last.pt", history=[{}]), "rows without a validation"),
        (lambda folder: change(folder / "last.pt", model={}), "its model has other weights"),
        (lambda folder: change(folder / "last.pt", identity=3), "belongs to another run"),
        (lambda folder: change(folder / "last.pt", step=10**6), "its step is 1000000, but its schedule is at 12"),
        (lambda folder: change(folder / "last.pt", step=-5), "its step is -5"),
        (lambda folder: in_history(folder / "last.pt", "x"), "its history has a value that is no finite number"),
        (lambda folder: in_history(folder / "last.pt", math.nan), "its history has a value that is no finite number"),
        (lambda folder: change(folder / "last.pt", history=[]), "its history does not have the 3 entries"),
        (lambda folder: without_moments(folder / "last.pt"), r"its optimizer does not have the \d+ entries"),
        (lambda folder: poison(folder / "last.pt"), "its model has weights that are NaN"),
    ],
)
def test_a_folder_with_a_broken_or_missing_file_begins_at_the_beginning(worsened, tmp_path, caplog, spoil, reason):
    shutil.copytree(worsened.folder, tmp_path, dirs_exist_ok=True)
    spoil(tmp_path)
    (tmp_path / ".last.pt.77.part").write_bytes(b"PK")  # of a process that was killed
    fit(tmp_path, resume=True, **worsened.settings)
    assert re.search(reason, caplog.text)
    assert {file.name for file in tmp_path.iterdir()} == {"best.pt", "last.pt", "history.csv"}


def flip(file):
    """Flip one bit of the largest tensor: elsewhere it may hit the date of a header, which harms nothing."""
    content = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
    lengths = struct.unpack_from("<HH", content, largest.header_offset + 26)  # of the name and of the padding
    content[largest.header_offset + 30 + sum(lengths) + largest.file_size // 2] ^= 1
    file.write_bytes(content)


def change(file, **parts):
    """Replace parts of a checkpoint."""
    save_checkpoint(load_checkpoint(file) | parts, file)


def in_history(file, loss):
    """Replace the last validation loss of a checkpoint."""
    history = load_checkpoint(file)["history"]
    change(file, history=[*history[:-1], history[-1] | {"validation/loss": loss}])


def without_moments(file):
    """Take what an optimizer remembers of each parameter from a checkpoint."""
    change(file, optimizer=load_checkpoint(file)["optimizer"] | {"state": {}})


def poison(file):
    """Replace a checkpoint's weights by NaN."""
    change(file, model={name: value * math.nan for name, value in load_checkpoint(file)["model"].items()})


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        (lambda moment: torch.zeros(3), r"exp_avg of parameter 0 has the shape \(3,\), its parameter"),
        (lambda moment: moment * math.nan, "exp_avg of parameter 0 is not finite"),
    ],
)
def test_moments_of_other_parameters_are_named(tmp_path, moment, reason):
    fit(tmp_path)
    optimizer = load_checkpoint(tmp_path / "last.pt")["optimizer"]
    optimizer["state"][0]["exp_avg"] = moment(optimizer["state"][0]["exp_avg"])
    change(tmp_path / "last.pt", optimizer=optimizer)
    with pytest.raises(ValueError, match=rf"last\.pt cannot be resumed from .*{reason}.*resume=false trains anew"):
        fit(tmp_path, resume=True)


def test_a_state_that_does_not_fit_is_named(tmp_path):
    fit(tmp_path)
    change(tmp_path / "last.pt", processes=[{"means": 1}])
    with pytest.raises(ValueError, match=r"last\.pt cannot be resumed from \(.*resume=false trains anew"):
        fit(tmp_path, resume=True)


def test_a_folder_in_the_place_of_a_checkpoint_is_named(tmp_path):
    (tmp_path / "last.pt").mkdir()
    with pytest.raises(ValueError, match=r"last\.pt is a folder"):
        fit(tmp_path, resume=True)


@pytest.mark.slow
def test_two_processes_go_on_too(tmp_path):
    whole, stopped_there = tmp_path / "whole", tmp_path / "stopped"
    for folder in (whole, stopped_there):
        folder.mkdir()

    def take_a_copy():
        while not (whole / "last.pt").exists():
            time.sleep(0.001)
        shutil.copy(whole / "last.pt", stopped_there)

    copying = threading.Thread(target=take_a_copy)
    copying.start()
    settings = {"devices": 2, "steps": 200, "num_validations": 50}  # so long that the copy is not of its end
    fit(whole, **settings)
    copying.join()
    state = load_checkpoint(stopped_there / "last.pt")
    assert state["step"] < 200
    assert not same(*(process["random"] for process in state["processes"]))
    fit(stopped_there, resume=True, **settings)
    assert same(left(stopped_there), left(whole))
