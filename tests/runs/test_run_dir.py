"""The folder of a run: damaged files of our own are named, and do not stand in the way of the same command."""

import errno
import json
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from multimodal.io import write_csv, write_json
from multimodal.runs import run_dir
from multimodal.runs.record import RunRecord, read_record
from multimodal.runs.run_dir import (
    check_folder,
    finished,
    locked,
    prepare_cache,
    prepare_folder,
    read_history,
    status_of,
)
from multimodal.training.interruption import Interrupted
from tests.runs.test_record import RECORD

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run's folder, called by the user."""
    prepare_folder(tmp_path / "out", RECORD, resume=True)
    write_json({"evaluation_key": RECORD.evaluation_key}, tmp_path / "out" / "metrics.json")
    return tmp_path / "out"


def with_checkpoint(folder: Path, record: RunRecord) -> None:
    torch.save({"model": {}, "vocabulary": [], "record": record.as_dict()}, folder / "last.pt")


@pytest.mark.parametrize("content", [b"", b'{"evaluation', b"[1]", b"\xff\xfe", b"NaN"])
def test_damaged_metrics_are_those_of_no_finished_run(folder: Path, caplog: pytest.LogCaptureFixture, content) -> None:
    assert finished(folder, RECORD)
    (folder / "metrics.json").write_bytes(content)
    assert not finished(folder, RECORD)
    assert "metrics.json" in caplog.text
    assert "the run is evaluated again" in caplog.text


@pytest.mark.parametrize("content", [b"", b"\n", b"a: [1", b"\xff\xfe\x00"])
def test_a_damaged_config_is_written_anew_where_a_checkpoint_says_whose_it_is(folder: Path, caplog, content) -> None:
    (folder / "config.yaml").write_bytes(content)
    with pytest.raises(ValueError, match=r"output_dir: .*config\.yaml is .*; delete it if the folder is this run's"):
        check_folder(folder, RECORD)
    with_checkpoint(folder, replace(RECORD, key="other"))
    with pytest.raises(ValueError, match="delete it"):
        check_folder(folder, RECORD)
    with_checkpoint(folder, RECORD)
    check_folder(folder, RECORD)
    assert "it is written anew" in caplog.text
    prepare_folder(folder, RECORD, resume=True)
    assert read_record(folder) == RECORD


def test_a_damaged_config_is_written_anew_in_a_folder_that_has_the_runs_name(folder: Path) -> None:
    named = folder.rename(folder.parent / RECORD.name)
    (named / "config.yaml").write_text("")
    check_folder(named, RECORD)


def test_a_config_of_another_program_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("defaults: [a]")
    with pytest.raises(ValueError, match=r"config\.yaml is not the record of a run; give another output_dir"):
        check_folder(tmp_path, RECORD)


@pytest.mark.parametrize("name", ["last.pt", "best.pt", "status.json", "metrics.json", "history.csv", "scores.csv"])
def test_a_folder_in_the_place_of_a_file_is_named_before_the_training(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).mkdir()
    with pytest.raises(ValueError, match=f"{name} is a folder in the place of a file of the run; move it away"):
        check_folder(folder, RECORD)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("file", "is a file; give a folder"),
        ("file/x", "file: File exists; give another name"),
        ("a" * 300, "File name too long; give a shorter name"),
        ("a\0b", "has a NUL character"),
    ],
)
def test_what_cannot_be_a_folder_is_named(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"^output_dir: ") as raised:  # noqa: PT012
        check_folder(tmp_path / name, RECORD)
        with locked(tmp_path / name):
            pass
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


HISTORIES: dict[str, Callable[[Path], object]] = {
    "is empty": lambda file: file.write_text(""),
    "has no rows": lambda file: file.write_text("step,train/loss\r\n"),
    "has no step": lambda file: file.write_text("a\r\n1\r\n"),
    "is damaged": lambda file: file.write_text("step\r\none\r\n"),
    "is a folder": lambda file: (file.unlink(), file.mkdir()),
}


@pytest.mark.parametrize("reason", HISTORIES)
def test_a_damaged_history_is_named(tmp_path: Path, reason: str) -> None:
    assert read_history(tmp_path) == []
    write_csv([{"step": 1, "train/loss": 2.0}], tmp_path / "history.csv")
    assert read_history(tmp_path) == [{"step": 1, "train/loss": 2.0}]
    HISTORIES[reason](tmp_path / "history.csv")
    with pytest.raises(ValueError, match=rf"^history\.csv {reason}"):
        read_history(tmp_path)


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "failed", "out: No space left on device; free some space"),
        (OSError(errno.EACCES, "Permission denied", "x/y"), "failed", "x/y: Permission denied"),
        (ValueError("a\nb"), "failed", r"ValueError: a\nb"),
        (SystemExit(3), "failed", "SystemExit: 3"),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt"),
        (Interrupted(None, signal.SIGTERM), "interrupted", "stopped by SIGTERM"),
    ],
)
def test_the_status_says_how_a_run_ended(folder: Path, error: BaseException, status: str, text: str) -> None:
    with pytest.raises(type(error)), status_of(folder):
        raise error
    written = json.loads((folder / "status.json").read_text())
    assert written["status"] == status
    assert text in written["error"]


def test_on_a_full_disk_the_status_does_not_stay_running(folder: Path, monkeypatch, caplog) -> None:
    """Nothing new can be written, but over what is there."""
    with pytest.raises(OSError, match="No space"), status_of(folder):  # noqa: PT012
        monkeypatch.setattr(run_dir, "write_json", fails)
        raise FULL
    assert json.loads((folder / "status.json").read_text())["status"] == "failed"
    monkeypatch.setattr(Path, "write_text", fails)
    run_dir.write_status({"status": "failed", "error": "no", "traceback": ""}, folder)
    assert "the status could not be written: No space left on device" in caplog.text


def fails(*arguments: object, **settings: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_the_cache_is_made_or_refused(tmp_path: Path) -> None:
    prepare_cache(str(tmp_path / "a" / "b"))
    assert not list((tmp_path / "a" / "b").iterdir())
    (tmp_path / "file").touch()
    for name in ("file", "file/x", "a" * 300):
        with pytest.raises(ValueError, match=r"^cache_dir: "):
            prepare_cache(str(tmp_path / name))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_cache_that_cannot_be_written_is_only_warned_about(tmp_path: Path, monkeypatch, caplog, number: int) -> None:
    def refuse(*arguments: object, **settings: object) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path))

    monkeypatch.setattr(run_dir.tempfile, "TemporaryFile", refuse)
    with caplog.at_level(logging.WARNING):
        prepare_cache(str(tmp_path))
    assert f"cache_dir: {tmp_path} can be read only, a judge is not kept" in caplog.text
