"""Means of what each step logged, kept on the device until somebody asks; and the files of a run."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
from torch import Tensor


class Means:
    """Running means of named scalars; adding costs no synchronisation."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.weight = 0

    def add(self, values: dict[str, Tensor], weight: int) -> None:
        """Scalars that stand for `weight` samples."""
        for name, value in values.items():
            value = value.detach().float() * weight
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.weight += weight

    def means(self) -> dict[str, float]:
        """{name: mean over all samples added}."""
        return {name: float(value) / self.weight for name, value in self.sums.items()}


def write_csv(rows: list[dict[str, float]], path: Path) -> None:
    """A table with the columns of its rows, in order of appearance."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    temporary = path.with_name(f".{path.name}")
    with temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    temporary.replace(path)


def read_csv(path: Path) -> list[dict[str, float]]:
    """The rows `write_csv` wrote, without the cells that it left empty; none if there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def write_json(path: Path, value: Any) -> None:
    """Whole or not at all; NaN is refused."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(json.dumps(value, indent=1, allow_nan=False))
    temporary.replace(path)


def write_parquet(columns: dict[str, list[Any]], path: Path) -> None:
    """A table, whole or not at all."""
    temporary = path.with_name(f".{path.name}")
    pyarrow.parquet.write_table(pyarrow.table(columns), temporary)
    temporary.replace(path)
