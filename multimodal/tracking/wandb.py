"""Weights & Biases: online if possible, else offline, without prompts in the terminal."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from traceback import format_exception
from types import TracebackType
from typing import Any, Literal, cast

os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its telemetry looks up a host even offline

import wandb

from multimodal.checks import check_one_of
from multimodal.connectivity import answers
from multimodal.errors import describe
from multimodal.tracking.wandb_report import FOREST, publish

log = logging.getLogger(__name__)

Mode = Literal["online", "offline", "disabled"]
MODES = ("online", "offline", "disabled")
PROBE_SECONDS = 1.5  # so that an unreachable server delays a run by less than 3 s in all


class WandbRun:
    """Tracks one run with W&B; see `Tracker` for the methods.

    Args:
        mode: `online` (with a warning, `offline` if the server is unreachable), `offline` or `disabled`.
        project: W&B project of the runs.
        entity: owner of the project; None for the user's default.
    """

    def __init__(self, mode: str, project: str, entity: str | None) -> None:
        check_one_of("tracking", MODES, mode=mode)
        self.mode, self.project, self.entity = cast(Mode, mode), project, entity
        self.opened = False
        self.run: wandb.Run | None = None  # None before `open`, and after W&B has failed

    def open(self, folder: Path, name: str, group: str, tags: list[str], config: dict[str, Any]) -> "WandbRun":
        """Start a new run, even if an earlier one in this process was not closed."""
        self.opened = True
        mode, reason = reachable_mode() if self.mode == "online" else (self.mode, None)
        if reason:
            log.warning("W&B: %s (%s); upload later with `wandb sync %s`", mode, reason, folder / "wandb")

        def start(mode: Mode) -> wandb.Run:
            return wandb.init(
                mode=mode,
                project=self.project,
                entity=self.entity,
                dir=str(folder.resolve()),  # absolute, as W&B's service may have started in another folder
                name=name,
                group=group,
                tags=tags,
                config=config,
                reinit="finish_previous",
                settings=wandb.Settings(init_timeout=10, silent=True, console="off", x_disable_stats=True),
            )

        with self.guard():
            try:
                self.run = start(mode)
            except (wandb.errors.CommError, wandb.errors.UsageError) as error:
                if mode != "online":
                    raise
                log.warning("W&B: offline (%s)", type(error).__name__)
                self.run = start("offline")
            self.run.define_metric("validation/loss", summary="min")  # what a W&B sweep minimises
        return self

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Go on without the tracker if W&B fails in the block, with a warning: the run's folder has everything."""
        try:
            yield
        except Exception as error:  # a full disk, its own service, its server: the library raises nearly anything
            self.run = None
            reason = describe(error)
            log.warning("W&B failed, and the run goes on without it: %s: %s", type(error).__name__, reason)

    def __enter__(self) -> "WandbRun":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Close the run, with the error if there is one."""
        if self.run is None:
            return
        with self.guard():
            if error is not None:
                traceback_text = "".join(format_exception(kind, error, traceback))
                self.run.summary.update({"error": f"{type(error).__name__}: {error}", "traceback": traceback_text})
            self.run.finish(exit_code=0 if error is None else 1)

    def log(self, row: dict[str, float]) -> None:
        """Log one row of the history; W&B summarises each value by the last one, the validation loss by the lowest."""
        if self.run is not None:
            with self.guard():
                self.run.log(row)

    def summary(self, metrics: dict[str, float | None]) -> None:
        """Log the final metrics as `test/<name>`; undefined ones are left out."""
        if self.run is not None:
            with self.guard():
                self.run.summary.update({f"test/{name}": v for name, v in metrics.items() if v is not None})

    def figures(self, files: dict[str, Path]) -> None:
        """Log PNG files as `figure/<name>`."""
        if self.run is not None:
            with self.guard():
                self.run.log({f"figure/{name}": wandb.Image(str(file)) for name, file in files.items()})

    def publish(self, folder: Path) -> None:
        """Publish the comparison of the runs in a folder as a W&B report."""
        mode, reason = reachable_mode() if self.mode == "online" else (self.mode, None)
        if reason:
            log.warning("W&B: no report online (%s)", reason)
        publish(mode, self.project, self.entity, folder, self.log_forest(folder))

    def log_forest(self, folder: Path) -> str | None:
        """Log a comparison's forest plot in a run of its own; return the run's name, None without a plot."""
        file, comparison = folder / f"{FOREST}.png", folder.resolve().name
        if self.mode == "disabled" or not file.exists():
            return None
        name = f"comparison of {comparison}, {datetime.now().isoformat(sep=' ', timespec='seconds')}"
        with self.open(folder, name, comparison, ["comparison"], {}) as run:
            run.figures({FOREST: file})
        return name


@cache  # so that only the first job of a sweep waits for an unreachable server
def reachable_mode() -> tuple[Mode, str | None]:
    """Return ("online", None) if W&B can be reached, else another mode and the reason."""
    requested = os.environ.get("WANDB_MODE", "online")
    if requested in MODES and requested != "online":
        return cast(Mode, requested), f"WANDB_MODE={requested}"
    # the server first: without one, wandb.login takes five seconds to say so
    if not answers(wandb.setup().settings.base_url, PROBE_SECONDS):
        return "offline", "server out of reach"
    if not wandb.setup().settings.api_key and not has_netrc_key():
        return "offline", "no API key"
    return "online", None


def has_netrc_key() -> bool:
    """Return whether `wandb login` stored a key."""
    return wandb.login(prompt=False, verify=False)
