"""A table, whatever it is written as."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """What is shown, and the numbers behind it; `note` is why there are none."""

    text: str
    value: float | None = None
    sd: float | None = None
    n: int | None = None
    best: bool = False
    note: str = ""


@dataclass(frozen=True)
class Line:
    """A row; `reference` if it is no fusion of ours but what they are compared with."""

    label: str
    cells: list[Cell]
    reference: bool = False


@dataclass(frozen=True)
class Table:
    """`head` names the column of labels, `words` are columns of text; no line averages over the keys of `groups`."""

    caption: str
    head: str
    columns: list[str]
    groups: dict[str, list[Line]]
    notes: list[str]
    words: tuple[str, ...] = ()
