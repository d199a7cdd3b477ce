"""The record of a sweep's job: its settings and its outcome, one file per job in the sweep's folder `jobs`."""

import hashlib
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from multimodal.io import read_json, write_json
from multimodal.runs.record import read_record

log = logging.getLogger(__name__)

RECORDS = "jobs"  # folder of the records inside the sweep's
FINISHED = "finished"
KILLED = "the job has not ended: it still runs, or was killed"


@dataclass(frozen=True)
class JobRecord:
    """One job of a sweep.

    Args:
        sweep: identifier of the sweep that last started it.
        overrides: the job's command line.
        dataset, fusion: names of the chosen options, of a checkpoint's where one was evaluated.
        seed: of the run.
        status: `running`, `finished`, `failed` or `interrupted`.
        folder: of the finished run, else empty.
        error: why it is not finished, in a line.
        traceback: of the failure.
    """

    sweep: str
    overrides: list[str]
    dataset: str
    fusion: str
    seed: int
    status: str = "running"
    folder: str = ""
    error: str = KILLED
    traceback: str = ""

    def file(self, sweep: Path) -> Path:
        """Return the record's file in a sweep's folder, the same for the same overrides."""
        name = hashlib.sha256(" ".join(sorted(self.overrides)).encode()).hexdigest()[:12]
        return sweep / RECORDS / f"{name}.json"

    def write(self, sweep: Path) -> None:
        """Write the record into a sweep's folder."""
        file = self.file(sweep)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(asdict(self), file)

    def finished(self, folder: Path) -> Self:
        """Return the record of the finished job that wrote `folder`, with dataset, fusion and seed of the run there."""
        run = read_record(folder)
        named = replace(self, dataset=run.dataset, fusion=run.fusion, seed=run.seed)
        return replace(named, status=FINISHED, folder=str(folder), error="")

    def failed(self, error: str, traceback: str) -> Self:
        """Return the record of the failed job."""
        return replace(self, status="failed", error=error, traceback=traceback)


def read_jobs(sweep: Path) -> list[JobRecord]:
    """Read the records in a sweep's folder; those of another version are left out with a warning."""
    records = []
    for file in sorted((sweep / RECORDS).glob("*.json")):
        try:
            records.append(JobRecord(**read_json(file)))
        except TypeError:  # other fields
            log.warning("%s was written by another version of this package: left out", file)
    return records
