"""Reads what W&B leaves on disk."""

import json
import struct
import time
from pathlib import Path

import pytest
import wandb
from wandb.proto import wandb_internal_pb2

HEADER = b":W&B\xe1\xbe\x00"  # the last three are magic number and version of the format, as of wandb 0.30 and 0.31
BLOCK = 32768  # bytes; a LevelDB log is cut into these, and no header of 7 bytes crosses their border
WHOLE, FIRST, LAST = 1, 2, 4


def records(file: Path):
    """Every record of a `.wandb` file."""
    content, position, part = file.read_bytes(), 7, b""
    if content[:7] != HEADER:
        pytest.skip(f"this reader knows no offline file of wandb {wandb.__version__}, which begins with {content[:7]}")
    while position + 7 <= len(content):
        left = BLOCK - position % BLOCK
        if left < 7:
            position += left
            continue
        _, length, kind = struct.unpack("<IHB", content[position : position + 7])
        data = content[position + 7 : position + 7 + length]
        if len(data) < length or (kind, length) == (0, 0):  # not written yet
            return
        part = data if kind in (WHOLE, FIRST) else part + data
        if kind in (WHOLE, LAST):
            yield wandb_internal_pb2.Record.FromString(part)
        position += 7 + length


def values(items) -> dict:
    """{name: value} of a record's items."""
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def read_run(file: Path) -> dict:
    """What a run left: config, history, summary, names, artifacts, alerts, metrics, exit code."""
    run = {"config": {}, "history": [], "summary": {}, "artifacts": {}, "alerts": [], "metrics": {}, "exit": None}
    for record in records(file):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run |= {
                "id": record.run.run_id,
                "name": record.run.display_name,
                "job_type": record.run.job_type,
                "notes": record.run.notes,
                "group": record.run.run_group,
                "tags": list(record.run.tags),
            }
            run["config"] |= values(record.run.config.update)
        elif kind == "config":
            run["config"] |= values(record.config.update)
        elif kind == "history":
            run["history"].append(values(record.history.item))
        elif kind == "summary":
            run["summary"] |= values(record.summary.update)
            for item in record.summary.remove:
                gone = item.key or "/".join(item.nested_key)
                run["summary"] = {k: v for k, v in run["summary"].items() if k != gone and not k.startswith(f"{gone}/")}
        elif kind == "artifact":
            run["artifacts"][record.artifact.name] = {
                "type": record.artifact.type,
                "aliases": list(record.artifact.aliases),
                "metadata": json.loads(record.artifact.metadata or "{}"),
                "files": {entry.path: Path(entry.local_path) for entry in record.artifact.manifest.contents},
            }
        elif kind == "alert":
            run["alerts"].append((record.alert.title, record.alert.text))
        elif kind == "metric":
            name = record.metric.name or record.metric.glob_name
            run["metrics"][name] = record.metric.step_metric
        elif kind == "exit":
            run["exit"] = record.exit.exit_code
    return run


def read_runs(folder: Path) -> list[dict]:
    """All offline runs of a folder, by name; wandb writes on after `finish` returned."""
    files = list(folder.glob("wandb/offline-run-*/run-*.wandb"))
    deadline = time.monotonic() + 10
    while any(read_run(file)["exit"] is None for file in files) and time.monotonic() < deadline:
        time.sleep(0.02)
    return sorted((read_run(file) for file in files), key=lambda run: run["name"])


def read_table(run: dict, name: str) -> list[dict]:
    """The rows of the last table of a name, its images as files."""
    (artifact,) = (run["artifacts"][key] for key in run["artifacts"] if f"-{name.replace('/', '')}" in key)
    (file,) = (path for path in artifact["files"] if path.endswith(".table.json"))
    table = json.loads(artifact["files"][file].read_text())
    rows = [dict(zip(table["columns"], cells, strict=True)) for cells in table["data"]]
    return [{c: artifact["files"][v["path"]] if isinstance(v, dict) else v for c, v in row.items()} for row in rows]
