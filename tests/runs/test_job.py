"""The record of a sweep's job."""

import logging
from pathlib import Path

import pytest

from multimodal.io import write_json
from multimodal.runs.job import KILLED, JobRecord, read_jobs

JOB = JobRecord(sweep="a", overrides=["fusion=concat", "seed=1"], dataset="mnist", fusion="concat", seed=1)


def test_what_is_written_is_read_and_a_job_has_one_file(tmp_path: Path) -> None:
    JOB.write(tmp_path)
    assert read_jobs(tmp_path) == [JOB]
    assert JOB.error == KILLED  # what a job that was killed leaves
    failed = JOB.failed("ValueError: no", "in train")
    failed.write(tmp_path)
    assert read_jobs(tmp_path) == [failed]
    assert failed.status == "failed"


def test_a_record_of_another_version_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    JOB.write(tmp_path)
    write_json({"overrides": [], "status": "finished", "metrics": {}}, tmp_path / "jobs" / "old.json")
    with caplog.at_level(logging.WARNING):
        assert read_jobs(tmp_path) == [JOB]
    assert "old.json was written by another version" in caplog.text
