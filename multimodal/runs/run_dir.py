"""The folder of a run: its place, its content, and the run's status."""

import csv
import errno
import json
import logging
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

from multimodal.errors import DAMAGE, check_readable, damage, describe, read_object
from multimodal.io import read_csv, remove_parts, write_json
from multimodal.paths import expanded
from multimodal.runs.record import FILE, RunRecord, read_record, record_from
from multimodal.training.checkpoint_file import load_checkpoint

log = logging.getLogger(__name__)

EVALUATION = "evaluation-"  # begins the name of a folder of an evaluation, in that of its run
REPLACED = "replaced"  # folder of runs that resume=false moved away
UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)
SUFFIXES = (".yaml", ".json", ".csv", ".parquet", ".pt", ".png", ".html")  # of the files of a run


def run_folder(output_dir: str | None, record: RunRecord, multirun: bool) -> Path:
    """Return the folder of a run.

    Args:
        output_dir: the run's folder, in a sweep the folder of all runs; None for a folder in `runs`, named by the run.
        record: the run's.
        multirun: whether the run is one of a sweep.

    Raises:
        ValueError: the folder holds another run.
    """
    folder = expanded(output_dir or "runs")
    folder = folder if output_dir and not multirun else folder / record.name
    check_folder(folder, record)
    return folder


def evaluation_folder(output_dir: str | None, file: Path, record: RunRecord, multirun: bool) -> Path:
    """Return the folder of a checkpoint's evaluation: beside the checkpoint, unless `output_dir` is given."""
    folder = expanded(output_dir or file.parent / f"{EVALUATION}{record.evaluation_key}")
    if multirun:
        if not output_dir:
            raise ValueError("a sweep of evaluations needs output_dir=<a folder of its own>")
        folder = folder / f"{record.name}-{file.stem}-{record.evaluation_key}"
    check_folder(folder, record)
    return folder


def check_folder(folder: Path, record: RunRecord) -> None:
    """Raise ValueError unless the folder is empty or holds this run, with its files in their places."""
    if "\0" in str(folder):
        raise ValueError(f"output_dir: {str(folder)!r} has a NUL character, which no name of a folder may have")
    try:
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"output_dir: {folder} is a file; give a folder")
        names = [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.exists() else []
    except OSError as error:
        raise ValueError(f"output_dir: {describe(error)}") from error
    if names and folder / FILE not in names:
        raise ValueError(f"{folder} is not the folder of a run, and not empty; give another output_dir")
    if names and not holds(folder, record):
        raise ValueError(f"{folder} holds another experiment; give another output_dir")
    in_place = [path for path in names if path.suffix in SUFFIXES and path.is_dir()]
    if in_place:
        raise ValueError(f"{in_place[0]} is a folder in the place of a file of the run; move it away")


def holds(folder: Path, record: RunRecord) -> bool:
    """Return whether the folder holds this run; of a damaged `config.yaml`, by the folder's name or its checkpoints.

    Raises:
        ValueError: nothing says whose folder it is.
    """
    file = folder / FILE
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
        if config is None:
            raise ValueError("no content")
    except DAMAGE as error:
        same = folder.name.endswith(record.identity[1])
        if not same and record.identity not in map(checkpoint_identity, folder.glob("*.pt")):
            advice = "delete it if the folder is this run's, or give another output_dir"
            raise ValueError(f"output_dir: {file} {damage(file, error)}; {advice}") from error
        log.warning("%s %s: it is written anew", file, damage(file, error))
        return True
    if not isinstance(config, dict) or "record" not in config:
        raise ValueError(f"output_dir: {file} is not the record of a run; give another output_dir")
    return read_record(folder).identity == record.identity


def checkpoint_identity(file: Path) -> tuple[str | None, str] | None:
    """Return the identity of the run that a checkpoint belongs to; None if it cannot be read."""
    try:
        return record_from(load_checkpoint(file)["record"], file).identity
    except DAMAGE:
        return None


def finished(folder: Path, record: RunRecord) -> bool:
    """Return whether the folder holds the metrics of this evaluation; a damaged file of metrics holds none."""
    file = folder / "metrics.json"
    if not file.exists():
        return False
    try:
        return read_object(file).get("evaluation_key") == record.evaluation_key
    except ValueError as error:
        log.warning("%s: %s; the run is evaluated again", folder, error)
        return False


def read_history(folder: Path, columns: tuple[str, ...] = ("step",)) -> list[dict[str, float]]:
    """Read a run's `history.csv`; an empty list if there is none.

    Args:
        folder: the run's.
        columns: those that every row must have.

    Raises:
        ValueError: it cannot be read, or lacks a column; the message names the file.
    """
    file = folder / "history.csv"
    if not file.exists():
        return []
    check_readable(file)
    try:
        rows = read_csv(file)
    except (*DAMAGE, TypeError, csv.Error) as error:
        raise ValueError(f"{file.name} {damage(file, error)}") from error
    missing = [name for name in columns if not all(name in row for row in rows)]
    if not rows or missing:
        raise ValueError(f"{file.name} has no {missing[0] if missing else 'rows'}")
    return rows


def prepare_folder(folder: Path, record: RunRecord, resume: bool) -> None:
    """Create the folder; an earlier attempt in it is continued, or with `resume` false moved away, with a warning."""
    if folder.exists() and not resume:
        names = (folder.parent / REPLACED / f"{folder.name}-{i}" for i in count(1))
        moved = next(name for name in names if not name.exists())
        moved.parent.mkdir(exist_ok=True)
        folder.rename(moved)
        log.warning("resume=false: the run that was in %s is now in %s", folder, moved)
    folder.mkdir(parents=True, exist_ok=True)
    remove_parts(folder)
    (folder / "metrics.json").unlink(missing_ok=True)  # it says that a run is finished
    record.write(folder)


def make_writable(folder: Path) -> None:
    """Create a folder; raise OSError, naming it, if no file can be written there."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(4096))  # a full disk takes an empty file
    except OSError as error:
        error.filename = str(folder)
        raise


def prepare_cache(cache_dir: str) -> None:
    """Create the folder of trained judges, before hours of training; where it cannot be written, warn.

    Raises:
        ValueError: it cannot be a folder.
    """
    folder = expanded(cache_dir)
    try:
        make_writable(folder)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise ValueError(f"cache_dir: {describe(error)}") from error
        log.warning("cache_dir: %s can be read only, a judge is not kept: %s", folder, describe(error))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run's lock; raise ValueError if another process holds it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"output_dir: {describe(error)}") from error
    lock = FileLock(folder.parent / f".{folder.name}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise ValueError(f"another process is working on {folder}; wait for it, or give another output_dir") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def status_of(folder: Path) -> Iterator[None]:
    """Write `status.json`: running, then finished, interrupted or failed, with the traceback."""
    write_json({"status": "running"}, folder / "status.json")
    try:
        yield
    except BaseException as error:
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            error.filename = str(folder)  # a write to a full disk does not say where
        status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        text = f"{type(error).__name__}: {describe(error)}"
        write_status({"status": status, "error": text, "traceback": traceback.format_exc()}, folder)
        raise
    write_json({"status": "finished"}, folder / "status.json")


def write_status(outcome: dict[str, str], folder: Path) -> None:
    """Write `status.json`; on a full disk over the old content, which needs no new block."""
    file = folder / "status.json"
    try:
        write_json(outcome, file)
    except OSError:
        try:
            file.write_text(json.dumps({"status": outcome["status"], "error": outcome["error"], "traceback": ""}))
        except OSError as error:
            log.error("the status could not be written: %s", describe(error))
