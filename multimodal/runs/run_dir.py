"""The folder of a run: where it is, what it holds, and how far it has come."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from multimodal.io import read_json, remove_parts, write_json, write_text
from multimodal.runs.run_id import evaluation_key, run_name

log = logging.getLogger(__name__)

REPLACED = "replaced"  # folder of runs that were set aside


def run_folder(cfg: DictConfig, config: dict[str, Any]) -> Path:
    """Where this experiment lives; an error if another one does."""
    name, key = run_name(config)
    multirun = HydraConfig.get().mode is RunMode.MULTIRUN
    folder = Path(cfg.output_dir or "runs") / name if multirun else Path(cfg.output_dir or f"runs/{name}")
    check_folder(folder, key)
    return folder


def evaluation_folder(cfg: DictConfig, file: Path, config: dict[str, Any]) -> Path:
    """Where the evaluation of a checkpoint's file lives, beside it or as `output_dir` says; an error as above."""
    key = evaluation_key(config)
    folder = Path(cfg.output_dir or file.parent / f"evaluation-{key}")
    if HydraConfig.get().mode is RunMode.MULTIRUN:
        if not cfg.output_dir:
            raise ValueError("a sweep of evaluations needs output_dir=<a folder of its own>")
        folder = folder / f"{run_name(config)[0]}-{file.stem}-{key}"
    check_folder(folder, key)
    return folder


def check_folder(folder: Path, key: str) -> None:
    """ValueError unless there is nothing in it, or what this very key has left there."""
    file = folder / "config.yaml"
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"output_dir: {folder} is a file; give a folder")
    if file.exists() and OmegaConf.load(file).get("key") != key:
        raise ValueError(f"{folder} holds another experiment; give another output_dir")
    if folder.exists() and not file.exists() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise ValueError(f"{folder} is not the folder of a run, and not empty; give another output_dir")


def finished(folder: Path, config: dict[str, Any]) -> bool:
    """Whether these numbers are already there, of this evaluation."""
    file = folder / "metrics.json"
    return file.exists() and read_json(file).get("evaluation_key") == evaluation_key(config)


def prepare_folder(folder: Path, config: dict[str, Any], resume: bool) -> None:
    """Makes it, or keeps what an earlier attempt left; with `resume` false that is set aside, and said."""
    if folder.exists() and not resume:
        places = (folder.parent / REPLACED / f"{folder.name}-{i}" for i in count(1))
        aside = next(place for place in places if not place.exists())
        aside.parent.mkdir(exist_ok=True)
        folder.rename(aside)
        log.warning("resume=false: the run that was in %s is now in %s", folder, aside)
    folder.mkdir(parents=True, exist_ok=True)
    remove_parts(folder)
    (folder / "metrics.json").unlink(missing_ok=True)  # it says that a run is finished
    write_text(OmegaConf.to_yaml(OmegaConf.create(config)), folder / "config.yaml")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """No two processes work on one run: ValueError if another one does."""
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
    """Keeps `status.json`: running, then finished, interrupted or failed, with the traceback."""
    write_json({"status": "running"}, folder / "status.json")
    try:
        yield
    except BaseException as error:
        status = "failed" if isinstance(error, Exception) else "interrupted"
        found = {"status": status, "error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
        write_json(found, folder / "status.json")
        raise
    write_json({"status": "finished"}, folder / "status.json")
