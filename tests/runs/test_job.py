"""The record of a sweep's job."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from multimodal.runs.job import KILLED, RECORDS, JobRecord, own_records, read_jobs

JOB = JobRecord(sweep="a", overrides=["fusion=concat", "seed=1"], dataset="mnist", fusion="concat", seed=1)


def test_what_is_written_is_read_and_a_job_has_one_file(tmp_path: Path) -> None:
    JOB.write(tmp_path)
    assert read_jobs(tmp_path / RECORDS) == ([JOB], [])
    assert JOB.error == KILLED  # what a job that was killed leaves
    failed = JOB.failed("ValueError: no", "in train")
    failed.write(tmp_path)
    assert read_jobs(tmp_path / RECORDS) == ([failed], [])
    assert failed.status == "failed"


def test_equal_jobs_of_two_sweeps_do_not_overwrite_each_other(tmp_path: Path) -> None:
    other = replace(JOB, sweep="b").failed("ValueError: another process is working on it", "")
    for record in (JOB, other, JOB.interrupted()):
        record.write(tmp_path)
    assert read_jobs(tmp_path / RECORDS)[0] == [JOB.interrupted()]  # the newest
    assert read_jobs(own_records(tmp_path, "a"))[0] == [JOB.interrupted()]
    assert read_jobs(own_records(tmp_path, "b"))[0] == [other]


DAMAGED = {
    "empty": ("", "is empty"),
    "cut": ('{"sweep": "a", "over', "is damaged or cut"),
    "list": ("[]", "holds list and not an object"),
    "types": (json.dumps(asdict(JOB) | {"seed": "1"}), "was written by another version of this package (seed: "),
    "fields": ('{"overrides": [], "metrics": {}}', "was written by another version of this package (has other fields"),
    "binary": (b"\xff\xfe\x00", "is damaged"),
    "folder": (None, "is a folder"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_record_ends_nothing_and_is_named(tmp_path: Path, kind: str) -> None:
    JOB.write(tmp_path)
    content, reason = DAMAGED[kind]
    file = tmp_path / RECORDS / "0.json"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    records, damaged = read_jobs(tmp_path / RECORDS)
    assert records == [JOB]
    (sentence,) = damaged
    assert sentence.startswith(f"0.json {reason}")
    assert "\n" not in sentence
