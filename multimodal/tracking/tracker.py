"""The interface of an experiment tracker; `conf/tracking/*.yaml` builds one."""

from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self


class Tracker(Protocol):
    """Tracks one run after `open`; as a context manager it also records a failure of the run.

    Attributes:
        opened: whether `open` was called; a failure before that has to be reported by the caller.
    """

    opened: bool

    def open(self, folder: Path, name: str, group: str, tags: list[str], config: dict[str, Any]) -> Self:
        """Start tracking a run.

        Args:
            folder: the run's folder, where the tracker may write files.
            name: name of the run.
            group: name that the runs of a sweep share.
            tags: words to search for.
            config: settings and facts of the run.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None: ...

    def log(self, row: dict[str, float]) -> None:
        """Log one row of the history."""
        ...

    def summary(self, metrics: dict[str, float | None]) -> None:
        """Log the final metrics; None stands for an undefined one."""
        ...

    def figures(self, files: dict[str, Path]) -> None:
        """Log figures: {name: PNG file}."""
        ...

    def publish(self, folder: Path) -> None:
        """Publish the comparison of the runs in a folder, which holds `report.md`."""
        ...
