"""A tracker that fails is left out, and the run goes on: its folder has everything."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from multimodal.errors import describe
from multimodal.tracking.tracker import Artifact, Detail, TrackedRun, Tracker

log = logging.getLogger(__name__)


class GuardedTracker:
    """Hands each call to a tracker until one fails; see `Tracker` for the methods.

    Args:
        tracker: any tracker; it may raise what it likes.
    """

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self.opened = self.failed = False

    @property
    def label(self) -> str:
        """The tracker's."""
        return self.tracker.label

    @property
    def detail(self) -> Detail:
        """The tracker's."""
        return self.tracker.detail

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Go on without the tracker if it fails in the block, with a warning."""
        try:
            yield
        except Exception as error:  # a full disk, a service, a server: libraries of trackers raise nearly anything
            self.failed = True
            kind, reason = type(error).__name__, describe(error)
            log.warning("%s failed, and the run goes on without it: %s: %s", self.label, kind, reason)

    def call(self, method: str, *arguments: Any) -> None:
        """Call a method of the tracker, unless it has failed."""
        if not self.failed:
            with self.guard():
                getattr(self.tracker, method)(*arguments)

    def open(self, folder: Path, run: TrackedRun) -> Self:
        """Start tracking a run."""
        self.opened, self.failed = True, False
        self.call("open", folder, run)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Close the run; its error is raised again, one of the tracker is not."""
        self.call("__exit__", kind, error, traceback)

    def log(self, row: dict[str, float]) -> None:
        """Log one row of the history."""
        self.call("log", row)

    def summary(self, values: dict[str, float | None]) -> None:
        """Log final values."""
        self.call("summary", values)

    def figures(self, files: dict[str, Path]) -> None:
        """Log figures."""
        self.call("figures", files)

    def table(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Log a table."""
        self.call("table", name, rows)

    def artifact(self, artifact: Artifact) -> None:
        """Log files."""
        self.call("artifact", artifact)

    def fetch(self, folder: Path) -> Path:
        """Return the folder of runs to compare; a failure is not caught, as there is no comparison without them."""
        return self.tracker.fetch(folder)

    def publish(self, folder: Path) -> None:
        """Publish a comparison."""
        self.call("publish", folder)
