"""The record of a sweep's job: its settings and its outcome, one file per job in the sweep's folder `jobs`."""

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from multimodal.errors import checked, describe, read_object
from multimodal.io import write_json
from multimodal.runs.record import read_record

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
        """Write the record into a sweep's folder, and beside it where only this sweep's jobs write.

        So the record of a job outlives that of an equal job, which another sweep runs in the same folder.
        """
        own = own_records(sweep, self.sweep)
        own.mkdir(parents=True, exist_ok=True)
        for file in (own / self.file(sweep).name, self.file(sweep)):
            write_json(asdict(self), file)

    def finished(self, folder: Path) -> Self:
        """Return the record of the finished job that wrote `folder`, with dataset, fusion and seed of the run there."""
        run = read_record(folder)
        named = replace(self, dataset=run.dataset, fusion=run.fusion, seed=run.seed)
        return replace(named, status=FINISHED, folder=str(folder), error="")

    def failed(self, error: str, traceback: str) -> Self:
        """Return the record of the failed job."""
        return replace(self, status="failed", error=error, traceback=traceback)

    def interrupted(self) -> Self:
        """Return the record of the job that a signal stopped."""
        return replace(self, status="interrupted", error="interrupted")


def own_records(sweep: Path, identifier: str) -> Path:
    """Return the folder of the records that one sweep alone writes, until its end."""
    return sweep / RECORDS / f".{identifier}"


def read_jobs(folder: Path) -> tuple[list[JobRecord], list[str]]:
    """Read the records in a folder of records.

    Returns:
        The records, and a sentence for each file that is damaged or of another version.
    """
    records, damaged = [], []
    for file in sorted(folder.glob("*.json")):
        try:
            values = read_object(file)
        except ValueError as error:
            damaged.append(describe(error))
            continue
        try:
            records.append(checked(JobRecord, values))
        except ValueError as error:
            damaged.append(f"{file.name} was written by another version of this package ({describe(error)})")
    return records, damaged
