"""What an experiment tracker offers; `conf/tracking/*.yaml` builds one."""

from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self


class Tracker(Protocol):
    """A tracker, before and while it tracks one run. A context manager that also records a failure.

    Attributes:
        opened: whether `open` was called: a failure before that is told by whoever called the job.
    """

    opened: bool

    def open(self, folder: Path, name: str, group: str, tags: list[str], config: dict[str, Any]) -> Self:
        """Start tracking a run.

        Args:
            folder: of the run, where the tracker may keep files.
            name: of the run.
            group: what the runs of a sweep share.
            tags: words to find the run by.
            config: every setting and fact of the run.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None: ...

    def log(self, row: dict[str, float]) -> None:
        """Log one row of the history."""
        ...

    def summary(self, metrics: dict[str, float | None]) -> None:
        """Log the final metrics; those that are None are undefined."""
        ...

    def figures(self, files: dict[str, Path]) -> None:
        """Log {name: PNG file}."""
        ...

    def publish(self, folder: Path) -> None:
        """Publish the comparison of the runs in a folder, which holds `report.md`."""
        ...
