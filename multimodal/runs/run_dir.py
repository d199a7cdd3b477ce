"""The folder of a run: its place, its content, and the run's status."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from multimodal.io import read_json, remove_parts, write_json
from multimodal.runs.record import FILE, RunRecord, read_record

log = logging.getLogger(__name__)

REPLACED = "replaced"  # folder of runs that resume=false moved away


def run_folder(output_dir: str | None, record: RunRecord, multirun: bool) -> Path:
    """Return the folder of a run.

    Args:
        output_dir: the run's folder, in a sweep the folder of all runs; None for a folder in `runs`, named by the run.
        record: the run's.
        multirun: whether the run is one of a sweep.

    Raises:
        ValueError: the folder holds another run.
    """
    folder = Path(output_dir) if output_dir and not multirun else Path(output_dir or "runs") / record.name
    check_folder(folder, record)
    return folder


def evaluation_folder(output_dir: str | None, file: Path, record: RunRecord, multirun: bool) -> Path:
    """Return the folder of a checkpoint's evaluation: beside the checkpoint, unless `output_dir` is given."""
    folder = Path(output_dir or file.parent / f"evaluation-{record.evaluation_key}")
    if multirun:
        if not output_dir:
            raise ValueError("a sweep of evaluations needs output_dir=<a folder of its own>")
        folder = folder / f"{record.name}-{file.stem}-{record.evaluation_key}"
    check_folder(folder, record)
    return folder


def check_folder(folder: Path, record: RunRecord) -> None:
    """Raise ValueError unless the folder is empty or holds this run."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"output_dir: {folder} is a file; give a folder")
    if (folder / FILE).exists():
        if read_record(folder).identity != record.identity:
            raise ValueError(f"{folder} holds another experiment; give another output_dir")
    elif folder.exists() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise ValueError(f"{folder} is not the folder of a run, and not empty; give another output_dir")


def finished(folder: Path, record: RunRecord) -> bool:
    """Return whether the folder holds the metrics of this evaluation."""
    file = folder / "metrics.json"
    return file.exists() and read_json(file).get("evaluation_key") == record.evaluation_key


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


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run's lock; raise ValueError if another process holds it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
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
        status = "failed" if isinstance(error, Exception) else "interrupted"
        outcome = {"status": status, "error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
        write_json(outcome, folder / "status.json")
        raise
    write_json({"status": "finished"}, folder / "status.json")
