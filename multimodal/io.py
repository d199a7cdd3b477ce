"""Read and write files; each is written under a temporary name, then renamed: a killed write changes nothing.

What is renamed is on the disk before, so that a machine that loses its power keeps the old file or the new one.
"""

import csv
import errno
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet

from multimodal.paths import PART


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path, unique to this block, and rename it to `path` if the block ends without an error."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}{PART}")
    try:
        yield temporary
        flush(temporary)
        temporary.replace(path)
        flush(path.parent)
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)  # a write to a full disk does not say where
        raise
    except RuntimeError as error:  # how PyTorch's zip writer ends on a full disk
        if "inline_container" not in str(error) and "iostream" not in str(error):
            raise
        raise OSError(errno.ENOSPC, "cannot be written, the disk may be full", str(path)) from error
    finally:
        if temporary.is_file():
            os.truncate(temporary, 0)  # gives its blocks back also while a failed writer still has it open
        temporary.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_parts(folder: Path) -> None:
    """Delete the temporary files that killed writes left; no other process may be writing in the folder."""
    for temporary in folder.glob(f".*{PART}"):
        temporary.unlink()


def read_json(path: Path) -> Any:
    """Read the value of a JSON file; raise ValueError, naming the file, for one that is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def write_text(text: str, path: Path) -> None:
    """Write a text file in UTF-8."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(value: Any, path: Path) -> None:
    """Write a value as JSON.

    Raises:
        ValueError: it contains NaN or an infinity.
    """
    write_text(json.dumps(value, indent=1, allow_nan=False), path)


def write_csv(rows: list[dict[str, float]], path: Path) -> None:
    """Write a CSV table; a column for each key of the rows, in order of first appearance."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def read_csv(path: Path) -> list[dict[str, float]]:
    """Read the rows of a CSV file of numbers, without empty cells; an empty list if there is no file.

    Raises:
        ValueError: the file is damaged; the message names it.
    """
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
    except (ValueError, TypeError, csv.Error) as error:  # TypeError: a row has more cells than the header
        raise ValueError(f"{path} is damaged: {error}") from error


def write_parquet(columns: Mapping[str, list[Any] | np.ndarray], path: Path) -> None:
    """Write a Parquet table with checksums: {column: N values, or an array (N, K) for a column of lists}."""
    arrays = {name: as_column(values) for name, values in columns.items()}
    with whole(path) as temporary:
        pyarrow.parquet.write_table(pyarrow.table(arrays), temporary, write_page_checksum=True)


def as_column(values: list[Any] | np.ndarray) -> pyarrow.Array:
    """Convert values for Parquet; of a matrix each row is a list, without Python's floats of eight times its memory."""
    if isinstance(values, np.ndarray) and values.ndim == 2:
        return pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(values.ravel()), values.shape[1])
    return pyarrow.array(values)


def read_parquet(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read these columns of a Parquet table, or all; raise ValueError, naming the file, for one that is damaged."""
    try:
        return pyarrow.parquet.read_table(path, columns=columns, page_checksum_verification=True).to_pandas()
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{path} is damaged or cannot be read: {error}") from error
