"""No tracking: all results are in the run's folder."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from multimodal.tracking.tracker import Artifact, Detail, TrackedRun


class DisabledTracker:
    """Does nothing; see `Tracker` for the methods."""

    label = "no tracker"
    opened = False
    detail = Detail(every=2**62, test_samples=0, watched_samples=0, artifacts=False)

    def open(self, folder: Path, run: TrackedRun) -> Self:
        """Return itself."""
        self.opened = True
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Do nothing; an error is raised again."""

    def log(self, row: dict[str, float]) -> None:
        """Log nothing."""

    def summary(self, values: dict[str, float | None]) -> None:
        """Log nothing."""

    def figures(self, files: dict[str, Path]) -> None:
        """Log nothing."""

    def table(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Log nothing."""

    def artifact(self, artifact: Artifact) -> None:
        """Log nothing."""

    def fetch(self, folder: Path) -> Path:
        """Return the folder: its runs are here."""
        return folder

    def publish(self, folder: Path) -> None:
        """Publish nothing."""
