"""Signals: noted once, obeyed at once the second time, and the handlers put back."""

import multiprocessing
import os
import pickle
import re
import signal
import sys
import threading
import time

import pytest

from multimodal.training.checkpoint_file import load_checkpoint
from multimodal.training.interruption import (
    SIGNALS,
    Interrupted,
    InterruptHandler,
    ParentInterruptHandler,
    SharedInterruptHandler,
    interruptible,
    requeue_job,
)
from multimodal.training.trainer import Trainer
from tests.helpers.tiny_training import fit

BOTH = SIGNALS


@pytest.fixture(autouse=True)
def handlers(default_signals):
    """The handlers must be those that were there, whatever a test does."""
    before = [signal.getsignal(number) for number in BOTH]
    yield
    assert [signal.getsignal(number) for number in BOTH] == before


@pytest.mark.parametrize("number", BOTH)
def test_the_first_signal_is_noted_and_the_next_has_its_own_handler_again(number):
    before = [signal.getsignal(number) for number in BOTH]
    with pytest.raises(KeyboardInterrupt), InterruptHandler() as signals:  # noqa: PT012
        signal.raise_signal(number)
        assert signals.received is number
        assert [signal.getsignal(number) for number in BOTH] == before
        signal.raise_signal(signal.SIGINT)


def test_a_signal_that_came_too_late_is_not_lost():
    with pytest.raises(KeyboardInterrupt), InterruptHandler():
        signal.raise_signal(signal.SIGINT)


def test_an_error_within_is_that_error():
    with pytest.raises(ZeroDivisionError), InterruptHandler():  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        raise ZeroDivisionError


def test_a_handler_of_somebody_else_is_left_alone():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        with InterruptHandler() as signals:
            signal.raise_signal(signal.SIGTERM)
            assert signals.received is None
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_outside_of_training_a_signal_is_an_exception(number):
    with pytest.raises(Interrupted, match=f"^stopped by {number.name}$") as raised:  # noqa: PT012
        with InterruptHandler():
            pass
        with interruptible():
            signal.raise_signal(number)
    assert raised.value.received is number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_ends_the_process_at_once(number):
    with interruptible():
        with pytest.raises(Interrupted):
            signal.raise_signal(number)
        assert signal.getsignal(number) is signal.SIG_DFL


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with interruptible(), InterruptHandler() as signals:
            signal.raise_signal(signal.SIGHUP)
            assert signals.received is None
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.usefixtures("one_thread")
def test_a_forked_worker_is_ended_by_its_pool_in_silence():
    def work():
        send.send("here")
        time.sleep(60)

    receive, send = multiprocessing.Pipe(duplex=False)
    with interruptible():
        process = multiprocessing.get_context("fork").Process(target=work)
        process.start()
        receive.recv()  # a signal that comes before is lost: Python forgets it in the fork
        process.terminate()
        process.join(10)
    assert process.exitcode == -signal.SIGTERM


def test_a_process_beside_others_notes_the_first_signal_and_ignores_the_same_from_its_parent():
    with pytest.raises(KeyboardInterrupt), SharedInterruptHandler() as signals:  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert signals.received is signal.SIGINT


def test_a_parent_passes_its_signal_on_to_what_it_started_meanwhile():
    context = multiprocessing.get_context("spawn")  # a forked process would have our handlers
    other, child = (context.Process(target=time.sleep, args=(60,)) for _ in range(2))
    other.start()
    with ParentInterruptHandler() as signals:
        child.start()
        assert signals.children() == [child]
        signal.raise_signal(signal.SIGTERM)
        child.join(30)
        assert child.exitcode == -signal.SIGTERM
        signals.received = None
    assert other.is_alive()
    other.kill()
    other.join(10)


def test_training_in_another_thread_has_no_handlers_and_works(tmp_path):
    ends = []
    thread = threading.Thread(target=lambda: ends.append(fit(tmp_path, steps=2, num_validations=1)[0][-1]["step"]))
    thread.start()
    thread.join()
    assert ends == [2]


def test_it_ends_a_sweep_and_travels_between_processes():
    error = Interrupted(7, signal.SIGTERM)
    assert not isinstance(error, Exception)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.step, again.received) == (str(error), 7, signal.SIGTERM)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python 3.12 on: a fork with threads
@pytest.mark.parametrize("number", BOTH)
@pytest.mark.usefixtures("one_thread")
def test_a_process_that_is_told_to_stop_says_how_to_go_on(tmp_path, monkeypatch, number):
    take_step = Trainer.take_step

    def slowly(*arguments):
        (tmp_path / "began").touch()
        time.sleep(0.05)
        return take_step(*arguments)

    def run():
        sys.stderr = (tmp_path / "said").open("w", buffering=1)
        fit(tmp_path, steps=1000)

    monkeypatch.setattr(Trainer, "take_step", slowly)
    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    while not (tmp_path / "began").exists():
        time.sleep(0.01)
    os.kill(process.pid, number)
    process.join(30)
    assert process.exitcode == 1
    step = load_checkpoint(tmp_path / "last.pt")["step"]
    assert step > 0
    message = f"stopped after step {step} by {number.name}; run the same command again to resume from step {step}"
    assert message in (tmp_path / "said").read_text()


@pytest.mark.parametrize(
    ("job", "script", "outcome"),
    [
        ({}, None, "this is no job of Slurm's"),
        ({"JOB_ID": "7"}, None, "job 7 could not be put back into the queue: .*'scontrol'"),
        ({"JOB_ID": "7"}, "echo gone >&2; exit 1", "job 7 could not be put back into the queue: gone"),
        ({"JOB_ID": "7"}, '[ "$*" = "requeue 7" ]', "job 7 is in the queue again"),
        (
            {"JOB_ID": "9", "ARRAY_JOB_ID": "7", "ARRAY_TASK_ID": "2"},
            '[ "$*" = "requeue 7_2" ]',
            "job 7_2 is in the queue again",
        ),
    ],
)
def test_a_job_of_slurms_is_put_back_into_the_queue(tmp_path, monkeypatch, job, script, outcome):
    """By a scontrol of the test's."""
    for name in ("JOB_ID", "ARRAY_JOB_ID", "ARRAY_TASK_ID"):
        monkeypatch.delenv(f"SLURM_{name}", raising=False)
    for name, value in job.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("PATH", str(tmp_path))
    if script is not None:
        (tmp_path / "scontrol").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "scontrol").chmod(0o755)
    assert re.fullmatch(outcome, requeue_job())
