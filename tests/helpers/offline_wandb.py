"""Reads what W&B leaves on disk."""

import json
import struct
import time
from pathlib import Path

from wandb.proto import wandb_internal_pb2

BLOCK = 32768  # bytes; a LevelDB log is cut into these, and no header of 7 bytes crosses their border
WHOLE, FIRST, LAST = 1, 2, 4


def records(file: Path):
    """Every record of a `.wandb` file."""
    content, position, part = file.read_bytes(), 7, b""
    assert content[:4] == b":W&B"
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
    """What a run left: config, history, summary, names, exit code."""
    run = {"config": {}, "history": [], "summary": {}, "exit": None}
    for record in records(file):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run |= {
                "name": record.run.display_name,
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
