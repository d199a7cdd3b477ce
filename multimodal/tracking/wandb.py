"""Weights & Biases: online if it can be, offline if not, and never a question to the terminal."""

import logging
import os
from functools import cache
from pathlib import Path
from traceback import format_exception
from types import TracebackType
from typing import Any

os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its telemetry looks up a host even offline

import wandb

from multimodal.connectivity import answers
from multimodal.tracking.wandb_report import publish

log = logging.getLogger(__name__)

MODES = ("online", "offline", "disabled")
PROBE_SECONDS = 1.5  # with what an offline run takes to open, under 3 s in all


class WandbRun:
    """One run of a tracker; a context manager that also records a failure.

    Args:
        mode: `online` (falls back to offline, said once), `offline` or `disabled`.
        project: where the runs are collected.
        entity: whose project, or None for the user's own.
    """

    def __init__(self, mode: str, project: str, entity: str | None) -> None:
        if mode not in MODES:
            raise ValueError(f"tracking mode must be one of {', '.join(MODES)}, got {mode}")
        self.mode, self.project, self.entity = mode, project, entity
        self.opened = False

    def open(self, folder: Path, name: str, group: str, tags: list[str], config: dict[str, Any]) -> "WandbRun":
        """Start a run of its own, also when an earlier one in this process was left open."""
        self.opened = True
        mode, reason = reachable_mode() if self.mode == "online" else (self.mode, None)
        if reason:
            log.warning("W&B: %s (%s); upload later with `wandb sync %s`", mode, reason, folder / "wandb")
        options = {
            "project": self.project,
            "entity": self.entity,
            "dir": str(folder.resolve()),
            "name": name,
        }  # its service may have started elsewhere
        options |= {"group": group, "tags": tags, "config": config, "reinit": "finish_previous"}
        settings = wandb.Settings(init_timeout=10, silent=True, console="off", x_disable_stats=True)
        try:
            self.run = wandb.init(mode=mode, settings=settings, **options)
        except (wandb.errors.CommError, wandb.errors.UsageError) as error:
            if mode != "online":
                raise
            log.warning("W&B: offline (%s)", type(error).__name__)
            self.run = wandb.init(mode="offline", settings=settings, **options)
        self.run.define_metric("validation/loss", summary="min")  # what a W&B sweep minimises, as Optuna does here
        return self

    def __enter__(self) -> "WandbRun":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is not None:
            told = "".join(format_exception(kind, error, traceback))
            self.run.summary.update({"error": f"{type(error).__name__}: {error}", "traceback": told})
        self.run.finish(exit_code=0 if error is None else 1)

    def log(self, row: dict[str, float]) -> None:
        """One row of the history; its summary is the last, of the validation loss the lowest."""
        self.run.log(row)

    def summary(self, metrics: dict[str, float | None]) -> None:
        """Final values, as `test/<name>`; what is undefined is left out."""
        self.run.summary.update({f"test/{name}": v for name, v in metrics.items() if v is not None})

    def figures(self, files: dict[str, Path]) -> None:
        """PNG files, as `figure/<name>`."""
        self.run.log({f"figure/{name}": wandb.Image(str(file)) for name, file in files.items()})

    def publish(self, folder: Path) -> None:
        """The comparison in a folder of runs, as a W&B report."""
        mode, reason = reachable_mode() if self.mode == "online" else (self.mode, None)
        if reason:
            log.warning("W&B: no report online (%s)", reason)
        publish(mode, self.project, self.entity, folder)


@cache  # a sweep's jobs do not wait for a silent server one after the other
def reachable_mode() -> tuple[str, str | None]:
    """("online", None), or another mode and why."""
    asked = os.environ.get("WANDB_MODE", "online")
    if asked in MODES and asked != "online":
        return asked, f"WANDB_MODE={asked}"
    # the server first: without one, wandb.login takes five seconds to say so
    if not answers(wandb.setup().settings.base_url, PROBE_SECONDS):
        return "offline", "server out of reach"
    if not wandb.setup().settings.api_key and not has_netrc_key():
        return "offline", "no API key"
    return "online", None


def has_netrc_key() -> bool:
    """Whether a key was stored by `wandb login`."""
    return wandb.login(prompt=False, verify=False)
