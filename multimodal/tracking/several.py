"""Several trackers at once."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from multimodal.tracking.guarded import GuardedTracker
from multimodal.tracking.tracker import Artifact, Detail, TrackedRun, Tracker


class SeveralTrackers:
    """Hands each call to several trackers, of which one that fails is left out; see `Tracker` for the methods.

    Args:
        every: see `Detail`.
        test_samples: see `Detail`.
        watched_samples: see `Detail`.
        artifacts: see `Detail`; a tracker that keeps none does nothing with them.
        trackers: {name: tracker}; they get equal rows, so these four are theirs too.
    """

    def __init__(
        self, every: int, test_samples: int, watched_samples: int, artifacts: bool, trackers: dict[str, Tracker]
    ) -> None:
        self.detail = Detail(every, test_samples, watched_samples, artifacts)
        if not trackers:
            raise ValueError("tracking/trackers must name a tracker or several, got none: tracking/trackers=[wandb]")
        for name, tracker in trackers.items():
            for setting in ("every", "test_samples", "watched_samples"):
                own, common = getattr(tracker.detail, setting), getattr(self.detail, setting)
                if own != common:
                    raise ValueError(
                        f"tracking.trackers.{name}.{setting} is {own}, but several trackers share tracking.{setting}, "
                        f"which is {common}; set that one"
                    )
        self.trackers = [GuardedTracker(tracker) for tracker in trackers.values()]
        self.label = " and ".join(tracker.label for tracker in self.trackers)
        self.opened = False

    def open(self, folder: Path, run: TrackedRun) -> Self:
        """Start tracking a run."""
        self.opened = True
        for tracker in self.trackers:
            tracker.open(folder, run)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Close the run, with the error if there is one."""
        for tracker in self.trackers:
            tracker.__exit__(kind, error, traceback)

    def log(self, row: dict[str, float]) -> None:
        """Log one row of the history."""
        for tracker in self.trackers:
            tracker.log(row)

    def summary(self, values: dict[str, float | None]) -> None:
        """Log final values."""
        for tracker in self.trackers:
            tracker.summary(values)

    def figures(self, files: dict[str, Path]) -> None:
        """Log figures."""
        for tracker in self.trackers:
            tracker.figures(files)

    def table(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Log a table."""
        for tracker in self.trackers:
            tracker.table(name, rows)

    def artifact(self, artifact: Artifact) -> None:
        """Log files with the trackers that keep any."""
        for tracker in self.trackers:
            if tracker.detail.artifacts:
                tracker.artifact(artifact)

    def fetch(self, folder: Path) -> Path:
        """Return the folder of runs to compare, from the first tracker that downloads any."""
        places = (tracker.fetch(folder) for tracker in self.trackers)
        return next((place for place in places if place != folder), folder)

    def publish(self, folder: Path) -> None:
        """Publish a comparison."""
        for tracker in self.trackers:
            tracker.publish(folder)
