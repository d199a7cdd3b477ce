"""Read a file of rows as text: CSV, TSV, JSON and JSON lines.

`datasets` would read them too, but keeps what it read by the file's date alone, and takes the words NA, None and null
for missing values.
"""

import codecs
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Dataset, Image

DELIMITERS = {".csv": ",", ".tsv": "\t"}
TABLES = (*DELIMITERS, ".json", ".jsonl", ".ndjson")
OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}
NO_TABLE = (ValueError, TypeError, OverflowError, NotImplementedError)  # what Arrow raises for values of several kinds
SETTING = "dataset.path"  # that names the data
SHOWN = 80  # characters of a value in a message
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_tables(files: list[Path]) -> Dataset:
    """Read files of rows as one split.

    A `metadata` file names pictures beside it: its column `file_name` becomes `image`, and `x_file_name` becomes `x`,
    with paths from the file's folder. Other columns keep their names and values.

    Args:
        files: one or more, of the suffixes in `TABLES`.

    Raises:
        ValueError: a file is neither in UTF-8 nor in UTF-16, has no rows, or is not what its suffix says.
    """
    rows: list[dict[str, Any]] = []
    origin: list[tuple[Path, int]] = []  # file and row of each row
    pictures: set[str] = set()
    for file in files:
        read = read_delimited(file, SETTING) if file.suffix.lower() in DELIMITERS else read_json(file)
        if not read:
            raise ValueError(f"dataset.path: {file} has no rows")
        if file.stem == "metadata":
            named = picture_columns(read[0], file)
            read = [with_pictures(row, named, file.parent) for row in read]
            pictures |= set(named.values())
        rows += read
        origin += [(file, number) for number in range(len(read))]
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    try:
        table = Dataset.from_dict(columns)
    except NO_TABLE as error:
        raise ValueError(f"dataset.path: {mixed_column(columns, origin)}") from error
    for name in sorted(pictures):
        table = table.cast_column(name, Image())
    return table


def mixed_column(columns: dict[str, list[Any]], origin: list[tuple[Path, int]]) -> str:
    """Return which column holds values that have no common type, and from which row on.

    Args:
        columns: {name: values of N rows}.
        origin: the file of each row, and its number there, from 0.
    """
    for name, values in columns.items():
        if not common_type(values):
            low, high = 0, len(values)  # the first `low` values have a common type, the first `high` have none
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if common_type(values[:middle]) else (low, middle)
            (file, row), example = origin[low], repr(values[low])[:SHOWN]
            return (
                f"{file} holds a column of values of different kinds: column {name}, row {row} (from 0): {example}; "
                "give every row text, or every row a number"
            )
    return f"{origin[0][0]} holds a column of values of different kinds"


def common_type(values: list[Any]) -> bool:
    """Return whether Arrow has one type for all values."""
    try:
        pa.array(values)
    except NO_TABLE:
        return False
    return True


def picture_columns(row: dict[str, Any], file: Path) -> dict[str, str]:
    """Return the columns of a metadata file that name pictures: {"file_name": "image", "x_file_name": "x"}.

    Raises:
        ValueError: there is none.
    """
    columns = {name: name.removesuffix("file_name").removesuffix("_") or "image" for name in row}
    columns = {name: new for name, new in columns.items() if name == "file_name" or name.endswith("_file_name")}
    if not columns:
        raise ValueError(
            f"dataset.path: {file} has no column file_name, which names the picture of each row; found the columns "
            f"{', '.join(row)}"
        )
    return columns


def with_pictures(row: dict[str, Any], columns: dict[str, str], folder: Path) -> dict[str, Any]:
    """Return a row with the names of pictures as paths, under the columns that `columns` names."""
    paths = {}
    for name, new in columns.items():
        value = row.get(name)
        paths[new] = str(folder / value.replace("\\", "/")) if isinstance(value, str) else None
    return {name: value for name, value in row.items() if name not in columns} | paths


def read_text(file: Path, setting: str) -> str:
    """Read a file in UTF-8, or in UTF-16 if it begins with a byte order mark; see `decode_text`."""
    return decode_text(file.read_bytes(), file, setting)


def decode_text(content: bytes, file: Path | str, setting: str) -> str:
    """Decode a text in UTF-8, or in UTF-16 if it begins with a byte order mark.

    Args:
        content: the text.
        file: where it comes from, for messages.
        setting: full name of the setting that gives it, for messages.

    Raises:
        ValueError: the text is in another encoding.
    """
    if b"\0" in content[:2]:  # a letter of Latin script and its empty half
        raise ValueError(f"{setting}: {file} is in UTF-16 without a byte order mark; save it in UTF-8")
    wide = content.startswith(UTF_16)
    try:
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        guess = "" if wide else "perhaps Latin-1 or Windows-1252"
        place = f"byte {error.object[error.start]:#04x} at position {error.start}"
        raise ValueError(
            f"{setting}: {file} is not in {'UTF-16' if wide else 'UTF-8'} ({'; '.join(filter(None, [place, guess]))}"
            "); save it in UTF-8"
        ) from error


def read_delimited(file: Path, setting: str) -> list[dict[str, str | None]]:
    """Read the rows of a CSV or TSV file: every value as text, None where a cell is empty.

    Names of columns have no space around them. Where a name has one before it, as in `file_name, label`, the space
    after each delimiter is layout and not part of the cells.

    Args:
        file: the table.
        setting: full name of the setting that gives the file, for messages.

    Raises:
        ValueError: columns are divided by another character, names repeat, a row has too many cells, or a quote is
            not closed.
    """
    delimiter = DELIMITERS[file.suffix.lower()]
    text = read_text(file, setting)
    spaced = re.search(rf"^[^\r\n]*{re.escape(delimiter)} ", text.lstrip("\r\n")) is not None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=spaced)
    try:
        lines = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise ValueError(f"{setting}: {file} line {reader.line_num}: {error}; is a quote not closed?") from error
    if not lines:
        raise ValueError(f"{setting}: {file} is empty")
    header = [name.strip() for name in lines.pop(0)[1]]
    found = f"found the column{'' if len(header) == 1 else 's'} {', '.join(header)}"
    other = next((mark for mark in OTHER_DELIMITERS if mark != delimiter and mark in header[0]), None)
    if len(header) == 1 and other is not None:
        raise ValueError(
            f"{setting}: {file} is divided by {OTHER_DELIMITERS[other]} ({found}), but "
            f"{OTHER_DELIMITERS[delimiter]} are wanted"
        )
    if len(set(header)) < len(header):
        raise ValueError(f"{setting}: {file} names a column twice ({found})")
    if not lines:
        raise ValueError(f"{setting}: {file} has a header but no rows ({found})")
    for number, cells in lines:
        if len(cells) > len(header):
            raise ValueError(
                f"{setting}: {file} line {number} has {len(cells)} cells for {len(header)} columns ({found}); put "
                "text that holds a comma in quotes"
            )
    return [
        {name: cell or None for name, cell in zip(header, [*cells, *[""] * (len(header) - len(cells))], strict=True)}
        for _, cells in lines
    ]


def read_json(file: Path) -> list[dict[str, Any]]:
    """Read the rows of a file of JSON lines, or of one JSON list of objects or object of equally long lists.

    Raises:
        ValueError: the file is not valid JSON, or holds something else.
    """
    text = read_text(file, SETTING)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = read_json_lines(file, text)
    if isinstance(content, dict) and content and all(isinstance(value, list) for value in content.values()):
        if len({len(value) for value in content.values()}) == 1:
            content = [dict(zip(content, values, strict=True)) for values in zip(*content.values(), strict=True)]
    elif isinstance(content, dict):
        content = [content]  # a single line
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise ValueError(
            f"dataset.path: {file} does not hold rows; an object per line, or a list of objects, each with the "
            'columns as keys, is wanted, such as {"image": "1.png", "label": "cat", "caption": "a cat"}'
        )
    return content


def read_json_lines(file: Path, text: str) -> list[Any]:
    """Read one JSON value per line; blank lines are skipped.

    Raises:
        ValueError: a line is not valid JSON.
    """
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise ValueError(f"dataset.path: {file} line {number} is not valid JSON ({error})") from error
    return rows
