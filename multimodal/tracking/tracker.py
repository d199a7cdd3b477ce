"""The interface of an experiment tracker; `conf/tracking/*.yaml` builds one."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from multimodal.checks import check_flag, check_whole


@dataclass(frozen=True)
class Detail:
    """Says how much of a run is tracked beside its validations, metrics and figures.

    Args:
        every: optimizer steps between two rows of a batch's loss terms.
        test_samples: test samples in the table of predictions; 0 for no table.
        watched_samples: validation samples whose predictions are shown while the model learns; 0 for none.
        artifacts: whether the best checkpoint, the data card and the run's files are kept as artifacts.
    """

    every: int
    test_samples: int
    watched_samples: int
    artifacts: bool

    def __post_init__(self) -> None:
        check_whole("tracking", every=self.every)
        check_whole("tracking", 0, test_samples=self.test_samples, watched_samples=self.watched_samples)
        check_flag("tracking", artifacts=self.artifacts)


@dataclass(frozen=True)
class TrackedRun:
    """Describes a run to a tracker.

    Args:
        key: hash that identifies the run, so that it is tracked once however often it is started; None if unknown.
        name: name to display.
        group: name that the runs of a sweep share.
        job_type: `train`, `evaluate` or `compare`.
        tags: words to search for.
        config: settings and facts of the run.
        resume: whether an earlier attempt at the run is continued; false: it is replaced.
    """

    key: str | None
    name: str
    group: str
    job_type: str
    tags: list[str]
    config: dict[str, Any]
    resume: bool


@dataclass(frozen=True)
class Artifact:
    """Holds files that runs produce or use.

    Args:
        name: name of the artifact; one of equal content is not stored twice.
        kind: `model`, `dataset`, or `run` for the files that a comparison reads.
        files: the files.
        metadata: facts to display beside them.
        produced: whether the run made the files; else it used them.
    """

    name: str
    kind: str
    files: list[Path]
    metadata: dict[str, Any]
    produced: bool


class Tracker(Protocol):
    """Tracks one run after `open`; as a context manager it also records a failure of the run.

    Its methods may raise anything: `GuardedTracker` goes on without it then.

    Attributes:
        label: what messages call it.
        opened: whether `open` was called; a failure before that has to be reported by the caller.
        detail: how much of a run the tracker is to get.
    """

    @property
    def label(self) -> str:
        """Name it in messages."""
        ...

    @property
    def opened(self) -> bool:
        """Tell whether `open` was called."""
        ...

    @property
    def detail(self) -> Detail:
        """Say how much of a run it is to get."""
        ...

    def open(self, folder: Path, run: TrackedRun) -> Self:
        """Start tracking a run.

        Args:
            folder: the run's folder, where the tracker may write files.
            run: what is tracked.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None: ...

    def log(self, row: dict[str, float]) -> None:
        """Log one row of the history; its `step` is the number of optimizer steps.

        A resumed run repeats the rows of its earlier attempt: those that the tracker has already are not logged again.
        """
        ...

    def summary(self, values: dict[str, float | None]) -> None:
        """Log final values; None stands for an undefined one."""
        ...

    def figures(self, files: dict[str, Path]) -> None:
        """Log figures: {name: PNG file}."""
        ...

    def table(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Log a table at the step of the last row of the history.

        Args:
            name: its name.
            rows: {column: number, text, flag, None, or an image: (H, W, 1) or (H, W, 3) uint8 array}.
        """
        ...

    def artifact(self, artifact: Artifact) -> None:
        """Log files that the run produced or used."""
        ...

    def fetch(self, folder: Path) -> Path:
        """Return the folder of runs to compare: the given one, or one in it with runs downloaded from elsewhere.

        Raises:
            ValueError: the settings ask for runs that cannot be downloaded.
        """
        ...

    def publish(self, folder: Path) -> None:
        """Publish the comparison of the runs in a folder, which holds `report.md`."""
        ...
