"""A table of a comparison, for any output format: a DataFrame with one row per cell."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

DASH = "–"
LONG = 60  # lines of a table that fill several screens
COUNT = "seeds"  # heading of the column that every fusion has a number in, whatever was measured


@dataclass(frozen=True)
class Table:
    """Holds a table.

    Args:
        caption: title of the table.
        head: heading of the column of line labels.
        cells: cells made by `cell`, line by line; every line has the same columns.
        notes: explanations of the table.
        text_columns: columns that hold text instead of numbers.
    """

    caption: str
    head: str
    cells: pd.DataFrame
    notes: list[str]
    text_columns: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """Return the headings of the columns."""
        return list(self.cells["column"].unique())

    @property
    def count(self) -> int:
        """Return the number of lines."""
        return len(self.cells) // max(1, len(self.columns))

    @property
    def folded(self) -> bool:
        """Return whether a page shows the table only when it is opened, because it is long."""
        return self.count > LONG

    def lines(self) -> Iterator[tuple[str, str, pd.DataFrame]]:
        """Yield (data, label, cells) of each line."""
        width = len(self.columns)
        for start in range(0, len(self.cells), width):
            line = self.cells[start : start + width]
            yield line["data"].iloc[0], line["line"].iloc[0], line

    def groups(self) -> dict[str, list[tuple[str, pd.DataFrame]]]:
        """Return {data: (label, cells) of each line}."""
        groups: dict[str, list[tuple[str, pd.DataFrame]]] = {}
        for data, label, line in self.lines():
            groups.setdefault(data, []).append((label, line))
        return groups

    def without_dashes(self) -> "Table":
        """Return the table without columns, groups and references in which no fusion has more than a dash.

        A table in which nothing was measured loses all its cells.
        """
        told = ~self.cells["text"].isin([DASH, ""])
        by_fusion = told & ~self.cells["reference"].astype(bool)
        columns, counted = self.cells["column"], self.cells["column"].eq(COUNT)
        groups = self.cells["data"][by_fusion & ~counted]
        shown = columns.isin(columns[by_fusion]) & self.cells["data"].isin(groups)
        line = self.cells["data"] + "\n" + self.cells["line"]  # a reference's label is unique in its group
        empty = self.cells["reference"].astype(bool) & ~line.isin(line[told & shown])
        return replace(self, cells=self.cells[shown & ~empty])

    def hidden_columns(self) -> list[str]:
        """Return a note that names the columns that `without_dashes` leaves out, in a list; empty if there are none."""
        shown = self.without_dashes().columns
        names = [name for name in self.columns if name not in (*shown, COUNT)]
        return [f"Without a column, because no fusion has a value: {'; '.join(names)}."] if names else []

    def as_frame(self) -> pd.DataFrame:
        """Return a wide table without dashes: a row for each line, numbers where a cell has one and else its text."""
        cells = self.without_dashes().cells
        rows = cells.assign(value=cells["value"].where(cells["value"].notna(), cells["text"]))
        wide = rows.pivot_table(index=["data", "line"], columns="column", values="value", aggfunc="first", sort=False)
        order = rows[["data", "line"]].drop_duplicates()
        wide = wide.reindex(index=pd.MultiIndex.from_frame(order), columns=list(cells["column"].unique()))
        return wide.infer_objects().rename_axis(columns=None, index=["data", self.head])


def cell(data: str, line: str, column: str, text: str, value: float | None = None, **facts: Any) -> dict[str, Any]:
    """Build a cell.

    Args:
        data: title of the group of runs.
        line: label of the line.
        column: heading of the column.
        text: the displayed text.
        value: the number to sort by.
        **facts: `sd` and `n` of the seeds, whether it is the `best` of its column, a `note` on why there is no number,
            whether the line is a `reference` (a baseline or a judge), and the `shade` behind its text, from 0 to 1.
    """
    empty = {"sd": None, "n": None, "best": False, "note": "", "reference": False, "shade": None}
    return {"data": data, "line": line, "column": column, "text": text, "value": value} | empty | facts


def as_cells(cells: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the cells as a DataFrame of objects, so that None and whole numbers are not converted."""
    return pd.DataFrame(cells, columns=list(cell("", "", "", "")), dtype=object)
