"""Runs that W&B's server holds, as the folders that a comparison reads."""

import logging
import shutil
import uuid
from pathlib import Path
from typing import Any

import yaml

from multimodal.comparison.reading import READ_FILES
from multimodal.errors import DAMAGE, joined_lines
from multimodal.runs.record import FILE
from multimodal.runs.wandb_api import open_api
from multimodal.tracking.artifacts import RUN_FILES

log = logging.getLogger(__name__)


def download_runs(project: str, folder: Path) -> Path:
    """Download what a comparison reads of the trained runs of a project, and return the folder of the runs.

    Args:
        project: `<entity>/<project>`.
        folder: the runs are put into `<entity>/<project>` in it, each in a folder of its own.

    Raises:
        ValueError: W&B cannot be reached, has no such project, or its runs have no files.
    """
    setting, place = f"tracking.project={project}", folder / project
    if place.resolve().parent.parent != folder.resolve():
        raise ValueError(f"{setting} must be <entity>/<project>")
    api = open_api(setting)
    names, without = set[str](), 0
    try:
        for run in api.runs(project):
            if "choices" not in run.config or "model_run" in run.config:  # of something else, or an evaluation
                continue
            kept = [artifact for artifact in run.logged_artifacts() if artifact.type == RUN_FILES]
            if not kept:
                without += 1
                continue
            name = run.name if Path(run.name).name == run.name and run.name not in names else run.id
            names.add(name)
            newest = max(kept, key=lambda artifact: int(artifact.version.removeprefix("v")))
            download_run(newest, place / Path(name).name, run.id)
    except Exception as error:  # the library raises nearly anything
        raise ValueError(f"{setting} cannot be read from W&B: {joined_lines(error)}") from error
    if not names:
        raise ValueError(f"{setting} has no run with files; runs keep them with tracking.artifacts=true")
    if without:
        log.warning("W&B: %d runs of %s have no files, and are left out", without, project)
    log.info("W&B: %d runs of %s are in %s", len(names), project, place)
    return place


def download_run(artifact: Any, folder: Path, key: str) -> None:
    """Download a run's files; those of the same run that are in the folder are replaced, those of another are not.

    Args:
        artifact: of the run's files.
        folder: the run's folder.
        key: the run's.
    """
    if folder.exists() and key_of(folder) != key:
        raise ValueError(f"{folder} holds another run; move it away")
    part = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
    try:
        artifact.download(root=str(part), skip_cache=True)
        folder.mkdir(parents=True, exist_ok=True)
        for name in READ_FILES:
            (folder / name).unlink(missing_ok=True)
            if (part / name).is_file():
                (part / name).replace(folder / name)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def key_of(folder: Path) -> str | None:
    """Return the key in the record of a run's folder; None if there is none."""
    try:
        return yaml.safe_load((folder / FILE).read_text(encoding="utf-8"))["record"]["key"]
    except (*DAMAGE, KeyError, TypeError):
        return None
