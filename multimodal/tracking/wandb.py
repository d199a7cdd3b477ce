"""Weights & Biases: online if possible, else offline, without prompts in the terminal."""

import logging
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from traceback import format_exception
from types import TracebackType
from typing import Any, cast

os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its telemetry looks up a host even offline

import numpy as np
import wandb

from multimodal.checks import check_flag, check_one_of
from multimodal.errors import describe
from multimodal.runs.wandb_api import MODES, Mode, reachable_mode
from multimodal.tracking.guarded import GuardedTracker
from multimodal.tracking.tracker import Artifact, Detail, TrackedRun
from multimodal.tracking.wandb_report import FOREST, publish
from multimodal.tracking.wandb_runs import download_runs

log = logging.getLogger(__name__)

UPLOAD_SECONDS = 60  # to wait for the server to take an artifact that the run used
LONGEST_TITLE = 63  # characters that W&B allows for an alert


class WandbRun:
    """Tracks one run with W&B; see `Tracker` for the methods.

    Args:
        mode: `online` (with a warning, `offline` if the server is unreachable), `offline` or `disabled`.
        project: W&B project of the runs; as `<entity>/<project>` it also says that a comparison is made of its runs,
            wherever they were trained.
        entity: owner of the project; None for the user's default.
        group: group of the run; None for the name of the sweep's folder.
        tags: words to search for, beside dataset, fusion and source of the data.
        notes: a remark on the run, or None.
        job_type: job type of the run; None for `train` or `evaluate`.
        system_metrics: whether the load of processor, memory and GPU is logged every 15 s.
        every: see `Detail`.
        test_samples: see `Detail`.
        watched_samples: see `Detail`.
        artifacts: see `Detail`.
    """

    label = "W&B"

    def __init__(
        self,
        mode: str,
        project: str,
        entity: str | None,
        group: str | None,
        tags: list[str],
        notes: str | None,
        job_type: str | None,
        system_metrics: bool,
        every: int,
        test_samples: int,
        watched_samples: int,
        artifacts: bool,
    ) -> None:
        check_one_of("tracking", MODES, mode=mode)
        check_flag("tracking", system_metrics=system_metrics)
        owner, _, name = project.rpartition("/")
        if owner and entity not in (None, owner):
            raise ValueError(f"tracking.project={project} has another owner than tracking.entity={entity}; give one")
        self.mode, self.project, self.entity = cast(Mode, mode), name, owner or entity
        self.source = project if owner else None  # whose runs a comparison is made of
        self.group, self.tags, self.notes, self.job_type = group, list(tags), notes, job_type
        self.system_metrics = system_metrics
        self.detail = Detail(every, test_samples, watched_samples, artifacts)
        self.opened = False
        self.run: wandb.Run | None = None  # before `open`
        self.name, self.folder = "", Path()
        self.last_step = -math.inf  # of an earlier attempt that the server knows

    def open(self, folder: Path, run: TrackedRun) -> "WandbRun":
        """Start a run, even if an earlier one in this process was not closed; online, an earlier attempt goes on."""
        self.opened, self.name, self.folder, self.last_step = True, run.name, folder, -math.inf
        mode, reason = reachable_mode() if self.mode == "online" else (self.mode, None)
        if reason:
            log.warning("W&B: %s (%s); upload later with `wandb sync %s`", mode, reason, folder / "wandb")
        try:
            self.run = self.start(mode, folder, run)
        except (wandb.errors.CommError, wandb.errors.UsageError) as error:
            if mode != "online":
                raise
            log.warning("W&B: offline (%s: %s)", type(error).__name__, describe(error))
            self.run = self.start("offline", folder, run)
        self.run.define_metric("step")
        self.run.define_metric("*", step_metric="step")  # curves lie over each other by optimizer step
        # what a W&B sweep minimises, while a run trains; at its end all values are those of the kept checkpoint
        self.run.define_metric("validation/loss", step_metric="step", summary="min")
        if self.run.resumed:
            step = self.run.summary.get("step")
            self.last_step = step if isinstance(step, int | float) else -math.inf
        return self

    def start(self, mode: Mode, folder: Path, run: TrackedRun) -> wandb.Run:
        """Call `wandb.init`; an id that the environment gives, as an agent of a W&B sweep does, goes before the key."""
        return wandb.init(
            mode=mode,
            project=self.project,
            entity=self.entity,
            dir=str(folder.resolve()),  # absolute, as W&B's service may have started in another folder
            id=os.environ.get("WANDB_RUN_ID") or run.key,
            # offline it has no effect; without it, W&B replaces the run of this id
            resume="allow" if run.resume and mode == "online" else None,
            name=run.name,
            group=self.group or run.group,
            job_type=self.job_type or run.job_type,
            tags=list(dict.fromkeys([*run.tags, *self.tags])),
            notes=self.notes,
            config=run.config,
            reinit="finish_previous",
            settings=wandb.Settings(
                init_timeout=10, silent=True, console="off", x_disable_stats=not self.system_metrics
            ),
        )

    def __enter__(self) -> "WandbRun":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Close the run, with the error if there is one; a failure sends an alert, an interruption does not."""
        if self.run is None:
            return
        if error is not None:
            traceback_text = "".join(format_exception(kind, error, traceback))
            line = f"{type(error).__name__}: {error}"
            self.run.summary.update({"error": line, "traceback": traceback_text})
            if isinstance(error, Exception):
                self.run.alert(f"failed: {self.name}"[:LONGEST_TITLE], line, level="ERROR")
        self.run.finish(exit_code=0 if error is None else 1)

    def log(self, row: dict[str, float]) -> None:
        """Log one row of the history; W&B summarises each value by the last one, the validation loss by the lowest."""
        if self.run is not None and row.get("step", math.inf) > self.last_step:
            self.run.log(row)

    def summary(self, values: dict[str, float | None]) -> None:
        """Log final values; undefined ones are left out."""
        if self.run is not None:
            self.run.summary.update({name: value for name, value in values.items() if value is not None})

    def figures(self, files: dict[str, Path]) -> None:
        """Log PNG files as `figure/<name>`; the summary has no use for seven facts of each file."""
        if self.run is not None and files:
            self.run.log({f"figure/{name}": wandb.Image(str(file)) for name, file in files.items()})
            for name in files:  # two patterns of `define_metric` that fit hold in no order
                del self.run.summary[f"figure/{name}"]

    def table(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Log a table whose rows can be filtered; its images are files in the run's folder."""
        if self.run is None or not rows:
            return
        with staging(self.folder):
            cells: list[Iterable[Any]] = [[as_cell(value) for value in row.values()] for row in rows]
            self.run.log({name: wandb.Table(columns=list(rows[0]), data=cells)})

    def artifact(self, artifact: Artifact) -> None:
        """Log files, not copied: offline they have to stay where they are until `wandb sync`.

        That a run used them is recorded online only, as W&B has no such record offline.
        """
        if self.run is None or self.mode == "disabled":
            return
        kept = wandb.Artifact(artifact.name, artifact.kind, metadata=artifact.metadata)
        for file in artifact.files:
            kept.add_file(str(file.resolve()), policy="immutable", skip_cache=True)
        logged = self.run.log_artifact(kept, aliases=["best", "latest"] if artifact.kind == "model" else ["latest"])
        if not artifact.produced and not self.run.offline:
            self.use(logged)

    def use(self, artifact: wandb.Artifact) -> None:
        """Record that the run used an artifact, unless the server takes too long: it is only a line in a graph."""
        assert self.run is not None
        try:
            self.run.use_artifact(artifact.wait(timeout=UPLOAD_SECONDS))
        except Exception as error:  # the library raises nearly anything
            log.warning("W&B: %s is not recorded as an input (%s)", artifact.name, describe(error))

    def fetch(self, folder: Path) -> Path:
        """Download the runs of `<entity>/<project>` into a folder of that name, and return it."""
        if self.source is None:
            return folder
        if self.mode != "online":
            raise ValueError(f"tracking.project={self.source} is read from W&B's server: give tracking=wandb")
        return download_runs(self.source, folder)

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
        name = f"comparison of {comparison}"
        key = (
            f"comparison-{sha256(comparison.encode()).hexdigest()[:8]}"  # the plot of an earlier comparison is replaced
        )
        shown = TrackedRun(key, name, comparison, "compare", ["comparison"], {}, resume=False)
        with GuardedTracker(self).open(folder, shown) as run:
            run.figures({FOREST: file})
        return name


def as_cell(value: Any) -> Any:
    """Return a table's value as W&B takes it."""
    return wandb.Image(value) if isinstance(value, np.ndarray) else value


@contextmanager
def staging(folder: Path) -> Iterator[None]:
    """Let W&B keep copies of a table's images in the run's folder; by default they fill the user's home for ever."""
    name = "WANDB_DATA_DIR"  # there is no other way to say it
    given = os.environ.get(name)
    if given is not None:
        yield
        return
    os.environ[name] = str(folder.resolve() / "wandb")
    try:
        yield
    finally:
        del os.environ[name]
