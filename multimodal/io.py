"""Files are written under a temporary name and renamed: a cut-off write leaves the file that was there."""

import csv
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

PART = ".part"  # ends the names of files that are not yet whole


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name to write to, which becomes `path` when the block ends; of this block alone."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}{PART}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """What writes that were cut off have left in a folder on which nobody else works."""
    for rest in folder.glob(f".*{PART}"):
        rest.unlink()


def read_json(path: Path) -> Any:
    """What `write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_text(text: str, path: Path) -> None:
    """In UTF-8."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(value: Any, path: Path) -> None:
    """NaN is refused."""
    write_text(json.dumps(value, indent=1, allow_nan=False), path)


def write_csv(rows: list[dict[str, float]], path: Path) -> None:
    """A table with the columns of its rows, in order of appearance."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def read_csv(path: Path) -> list[dict[str, float]]:
    """The rows `write_csv` wrote, without the cells that it left empty; none if there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def write_parquet(columns: dict[str, list[Any]], path: Path) -> None:
    """A table of named columns."""
    with whole(path) as temporary:
        pyarrow.parquet.write_table(pyarrow.table(columns), temporary)
