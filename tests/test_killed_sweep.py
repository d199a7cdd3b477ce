"""A sweep that is killed again and again ends in the tables of one that was not."""

import csv
import multiprocessing
import random
import time
from pathlib import Path

import pytest

from tests.helpers.command import TINY, command

SWEEP = ["-m", "fusion=attention,concat", "seed=0,1,2,3", *TINY, "tracking=disabled"]
MOMENTS = 10
TIMED = ("samples/s", "ms a sample", "cost/")  # speeds differ from run to run


def start(folder: Path) -> multiprocessing.Process:
    """The command in a process of its own, as SIGKILL wants it."""
    folder.mkdir(exist_ok=True)
    process = multiprocessing.get_context("spawn").Process(target=command, args=(folder, *SWEEP))
    process.start()
    return process


def compared(folder: Path) -> list[dict[str, str]]:
    """The report's rows but for speeds."""
    text = (folder / "runs" / "report.csv").read_text().replace(str(folder), "")  # the commands name the cache
    rows = csv.DictReader(text.splitlines())
    return [row for row in rows if not any(name in " ".join(row.values()) for name in TIMED)]


@pytest.mark.slow
def test_killed_at_ten_moments_the_tables_are_those_of_an_undisturbed_sweep(tmp_path: Path) -> None:
    begun = time.monotonic()
    whole = start(tmp_path / "whole")
    while not (tmp_path / "whole" / "runs" / "jobs").exists():
        time.sleep(0.05)
    first = time.monotonic() - begun  # until its first job
    whole.join()
    step = (time.monotonic() - begun - first) / MOMENTS
    moments = random.Random(0)
    for _ in range(MOMENTS):
        cut = start(tmp_path / "cut")
        cut.join(first + moments.uniform(0, step))
        assert cut.is_alive()  # else there is nothing left to kill
        cut.kill()
        cut.join()
    assert not (tmp_path / "cut" / "runs" / "sweep.csv").exists()
    start(tmp_path / "cut").join()
    tables = [(tmp_path / name / "runs" / "sweep.csv").read_text() for name in ("whole", "cut")]
    assert tables[0].count("finished") == 8
    assert tables[0] == tables[1]
    rows = compared(tmp_path / "whole")
    assert len(rows) > 8
    assert rows == compared(tmp_path / "cut")
