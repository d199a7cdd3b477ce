"""MLflow: runs in a folder on this machine, for `mlflow ui`; nothing is sent anywhere."""

import math
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from traceback import format_exception
from types import TracebackType
from typing import Any, Self

import numpy as np

from multimodal.encoder.extra import import_extra
from multimodal.paths import expanded
from multimodal.tracking.tracker import Artifact, Detail, TrackedRun

# read when mlflow is imported: no telemetry, and a folder is refused unless it is asked for
ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ALLOW_FILE_STORE": "true"}
KEY = "multimodal.key"  # the tag by which a run is found again
BATCH = 100  # params that MLflow takes at once
LONGEST = 500  # characters of a param


class MLflowTracker:
    """Tracks one run with MLflow; see `Tracker` for the methods.

    Args:
        folder: MLflow's file store, shared by all runs.
        project: MLflow's experiment.
        every: see `Detail`.
        test_samples: see `Detail`.
        watched_samples: see `Detail`.
        artifacts: see `Detail`; they are copied into the store.
    """

    label = "MLflow"

    def __init__(
        self, folder: str, project: str, every: int, test_samples: int, watched_samples: int, artifacts: bool
    ) -> None:
        if "://" in folder:
            raise ValueError(f"tracking.folder must be a folder on this machine, got {folder}")
        self.store, self.project = expanded(folder), project
        self.detail = Detail(every, test_samples, watched_samples, artifacts)
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        self.library: Any = import_extra("mlflow", "mlflow", "tracking=mlflow")
        self.opened = False
        self.client: Any = None  # before `open`
        self.id = ""  # of MLflow's run
        self.step, self.last_step = 0, -math.inf  # the last row's, and that of an earlier attempt

    def open(self, folder: Path, run: TrackedRun) -> Self:
        """Start a run; an earlier attempt with its key goes on, or is deleted where the run is done anew."""
        self.opened, self.step, self.last_step = True, 0, -math.inf
        self.client = self.library.MlflowClient(self.store.resolve().as_uri())
        experiment = self.client.get_experiment_by_name(self.project)
        experiment_id = self.client.create_experiment(self.project) if experiment is None else experiment.experiment_id
        query = f"tags.`{KEY}` = '{run.key}'"
        earlier = [] if run.key is None else self.client.search_runs([experiment_id], query)
        if earlier and run.resume:
            self.id = earlier[0].info.run_id  # the newest
            self.last_step = earlier[0].data.metrics.get("step", -math.inf)
            self.client.update_run(self.id, status="RUNNING")
            return self
        for old in earlier:
            self.client.delete_run(old.info.run_id)
        tags = {"group": run.group, "job_type": run.job_type, "tags": ",".join(run.tags)}
        tags |= {} if run.key is None else {KEY: run.key}
        self.id = self.client.create_run(experiment_id, tags=tags, run_name=run.name).info.run_id
        params = [self.library.entities.Param(name, value[:LONGEST]) for name, value in flat(run.config)]
        for start in range(0, len(params), BATCH):
            self.client.log_batch(self.id, params=params[start : start + BATCH])
        self.client.log_dict(self.id, run.config, "config.json")
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Close the run: finished, failed with the traceback, or killed by an interruption."""
        if self.client is None:
            return
        if error is not None:
            self.client.set_tag(self.id, "error", f"{type(error).__name__}: {error}")
            self.client.log_text(self.id, "".join(format_exception(kind, error, traceback)), "traceback.txt")
        status = "FINISHED" if error is None else "FAILED" if isinstance(error, Exception) else "KILLED"
        self.client.set_terminated(self.id, status)

    def log(self, row: dict[str, float]) -> None:
        """Log one row of the history, with its `step` as a curve too: a resumed run reads from it where it goes on."""
        self.step = int(row["step"])
        if self.client is not None and self.step > self.last_step:
            self.write(row)

    def summary(self, values: dict[str, float | None]) -> None:
        """Log final metrics; the values of the kept checkpoint are on its curves already."""
        if self.client is not None:
            wanted = {name: value for name, value in values.items() if name.startswith("test/") or name == "kept_step"}
            self.write({name: value for name, value in wanted.items() if value is not None})

    def write(self, values: dict[str, float]) -> None:
        """Write a value of each curve at the last row's step."""
        now = int(time.time() * 1000)
        metrics = [self.library.entities.Metric(allowed(k), float(v), now, self.step) for k, v in values.items()]
        for start in range(0, len(metrics), BATCH):
            self.client.log_batch(self.id, metrics=metrics[start : start + BATCH])

    def figures(self, files: dict[str, Path]) -> None:
        """Log PNG files in the run's folder `figure`."""
        if self.client is not None:
            for file in files.values():
                self.client.log_artifact(self.id, str(file), "figure")

    def table(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Log a table as `<name>-<step>.json`, with its pictures."""
        if self.client is None or not rows:
            return
        columns = {column: [self.as_cell(row[column]) for row in rows] for column in rows[0]}
        self.client.log_table(self.id, columns, f"{name}-{self.step}.json")

    def as_cell(self, value: Any) -> Any:
        """Return a table's value as MLflow takes it."""
        return self.library.Image(value) if isinstance(value, np.ndarray) else value

    def artifact(self, artifact: Artifact) -> None:
        """Copy files into a folder of the run, with what is known about them."""
        if self.client is not None:
            for file in artifact.files:
                self.client.log_artifact(self.id, str(file), artifact.kind)
            facts = {"name": artifact.name, "produced": artifact.produced} | artifact.metadata
            self.client.log_dict(self.id, facts, f"{artifact.kind}/about.json")

    def fetch(self, folder: Path) -> Path:
        """Return the folder: its runs are here."""
        return folder

    def publish(self, folder: Path) -> None:
        """Publish nothing: MLflow has no reports."""


def flat(config: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield every setting with its dotted name, as texts.

    No name has a slash: the store keeps a setting in a file, and `choices.head` cannot be the folder of `head/text`.

    Example:
        >>> list(flat({"seed": 0, "choices": {"head": None, "head/text": "lstm"}}))
        [('seed', '0'), ('choices.head', 'None'), ('choices.head.text', 'lstm')]
    """
    for name, value in config.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield allowed(f"{prefix}{name}").replace("/", "."), str(value)


def allowed(name: str) -> str:
    """Return a name without the characters that MLflow refuses.

    Example:
        >>> allowed("recall@1")
        'recall_1'
    """
    return re.sub(r"[^\w\-./ ]", "_", name)
