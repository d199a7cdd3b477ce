"""TensorBoard: event files in the run's folder, for `tensorboard --logdir runs`."""

import math
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import yaml
from PIL import Image

from multimodal.encoder.extra import import_extra
from multimodal.tracking.tracker import Artifact, Detail, TrackedRun

FOLDER = "tensorboard"  # in the run's


class TensorBoardTracker:
    """Tracks one run with TensorBoard; see `Tracker` for the methods.

    Args:
        every: see `Detail`.
        test_samples: see `Detail`.
        watched_samples: see `Detail`.
    """

    label = "TensorBoard"

    def __init__(self, every: int, test_samples: int, watched_samples: int) -> None:
        self.detail = Detail(every, test_samples, watched_samples, artifacts=False)  # the files are in the run's folder
        self.opened = False
        self.library: Any = import_extra("torch.utils.tensorboard", "tensorboard", "tracking=tensorboard")
        self.writer: Any = None  # before `open`
        self.step, self.last_step = 0, -math.inf  # the last row's, and that of an earlier attempt

    def open(self, folder: Path, run: TrackedRun) -> Self:
        """Start writing; an earlier attempt in the folder goes on."""
        self.opened, self.step = True, 0
        self.last_step = last_step(folder / FOLDER)
        self.writer = self.library.SummaryWriter(str(folder / FOLDER))
        facts = {"name": run.name, "group": run.group, "job_type": run.job_type, "tags": run.tags, "config": run.config}
        self.writer.add_text("run", code(yaml.safe_dump(facts, sort_keys=False, allow_unicode=True)))
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Write what is left, with the error if there is one."""
        if self.writer is not None:
            if error is not None:
                self.writer.add_text("error", code(f"{type(error).__name__}: {error}"), self.step)
            self.writer.close()

    def log(self, row: dict[str, float]) -> None:
        """Log one row of the history as scalars."""
        self.step = int(row["step"])
        if self.writer is not None and self.step > self.last_step:
            for name in row.keys() - {"step"}:
                self.writer.add_scalar(name, row[name], self.step)

    def summary(self, values: dict[str, float | None]) -> None:
        """Log final metrics as scalars; the values of the kept checkpoint are on its curves already."""
        if self.writer is not None:
            for name, value in values.items():
                if value is not None and (name.startswith("test/") or name == "kept_step"):
                    self.writer.add_scalar(name, value, self.step)

    def figures(self, files: dict[str, Path]) -> None:
        """Log PNG files as `figure/<name>`."""
        if self.writer is not None:
            for name, file in files.items():
                with Image.open(file) as image:
                    self.writer.add_image(f"figure/{name}", np.asarray(image.convert("RGB")), dataformats="HWC")

    def table(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Log the images of each column side by side, and the rest as a table in Markdown."""
        if self.writer is None or not rows:
            return
        pictured = [column for column in rows[0] if any(isinstance(row[column], np.ndarray) for row in rows)]
        for column in pictured:
            images = np.stack([row[column] for row in rows])
            self.writer.add_images(f"{name}/{column}", images, self.step, dataformats="NHWC")
        self.writer.add_text(name, markdown([column for column in rows[0] if column not in pictured], rows), self.step)

    def artifact(self, artifact: Artifact) -> None:
        """Log nothing: the files are in the run's folder already."""

    def fetch(self, folder: Path) -> Path:
        """Return the folder: its runs are here."""
        return folder

    def publish(self, folder: Path) -> None:
        """Publish nothing: TensorBoard has no reports."""


def last_step(folder: Path) -> float:
    """Return the last step of the curves in a folder of event files; minus infinity if there is none."""
    if not folder.exists():
        return -math.inf
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 1})  # the last one of each curve
    events.Reload()
    curves = [name for name in events.Tags()["scalars"] if name.startswith(("train/", "validation/", "batch/"))]
    return max((events.Scalars(name)[-1].step for name in curves), default=-math.inf)


def code(text: str) -> str:
    """Return a text as a block of code in Markdown."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def markdown(columns: list[str], rows: list[dict[str, Any]]) -> str:
    r"""Return a table in Markdown.

    Example:
        >>> markdown(["class", "p"], [{"class": "a|b", "p": 0.25}])
        '| class | p |\n| --- | --- |\n| a\\|b | 0.25 |'
    """
    lines = [columns, ["---"] * len(columns), *([cell(row[column]) for column in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(value: Any) -> str:
    """Return a value as a cell of a table in Markdown."""
    text = f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
