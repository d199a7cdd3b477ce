"""Read labels of any kind as class names."""

import logging
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

import regex
from datasets import ClassLabel, Dataset, Value

log = logging.getLogger(__name__)

WANTED = "a class per row is wanted: text, a whole number, or true and false"
KINDS = re.compile(r"string|large_string|u?int\d+|float\d+|bool|null")
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
SHOWN = 80  # characters of a value in a message
UNSEEN = regex.compile(r"[\s\p{Default_Ignorable_Code_Point}]+")


def read_labels(splits: Mapping[str, Dataset], column: str, origin: str) -> dict[str, list[str | None]]:
    """Read the labels of each split as class names, so that a class keeps its name however a split stores it.

    A number counts in the names of a `ClassLabel`, see `names_of_numbers`, or is a name itself, 2.0 as 2. Text is
    NFC-normalised and else kept: NA and None are names.

    Args:
        splits: {split: rows}, `train` among them.
        column: name of the label column.
        origin: what the splits are read from, for messages.

    Returns:
        {split: N names, None where the label is missing or no class of the column}.

    Raises:
        ValueError: the column holds something else than classes, or train's are fractions.
    """
    for split, part in splits.items():
        check_kind(part, column, f"{origin}, split {split}")
    train = splits["train"].features[column]
    decimal = are_decimals(splits["train"][column])
    labels = {}
    for split, part in splits.items():
        names, values = names_of_numbers(train, part.features[column]), part[column][:]
        if names is not None:
            values = [counted(value, names) for value in values]
        elif decimal:
            values = [float(value) if isinstance(value, str) and NUMBER.fullmatch(value) else value for value in values]
        if split == "train":
            check_no_fraction(values, column, f"{origin}, split {split}")
        labels[split] = [class_name(value) for value in values]
    return labels


def check_kind(part: Dataset, column: str, origin: str) -> None:
    """Raise ValueError unless the column holds text, numbers, or true and false."""
    feature = part.features[column]
    if not isinstance(feature, ClassLabel) and not (isinstance(feature, Value) and KINDS.fullmatch(feature.dtype)):
        raise ValueError(
            f"dataset.columns.label: column {column} holds {feature}, such as {example_of(part, column)} of {origin}; "
            f"{WANTED}; set dataset.columns.label to a column of classes"
        )


def check_no_fraction(values: list[object], column: str, origin: str) -> None:
    """Raise ValueError if a number is not whole."""
    for row, value in enumerate(values):
        if isinstance(value, float) and is_fraction(value):
            raise ValueError(
                f"dataset.columns.label: column {column} holds numbers such as {value} in row {row} (from 0) of "
                f"{origin}, which name no class; {WANTED}; predicting a number (regression) is not supported"
            )


def example_of(part: Dataset, column: str) -> str:
    """Return the first value of a column that is not missing, and its row: "['cat'] in row 0 (from 0)"."""
    row, value = next(((row, value) for row, value in enumerate(part[column]) if value is not None), (0, None))
    return f"{repr(value)[:SHOWN]} in row {row} (from 0)"


def names_of_numbers(train: Any, own: Any) -> list[str] | None:
    """Return the names that the numbers of a split count in; None if the numbers are names themselves.

    A `ClassLabel` of the split itself comes first, then that of train; beside plain numbers in train, all are plain.

    Args:
        train: type of train's column.
        own: type of the split's column.
    """
    if isinstance(own, ClassLabel) and (isinstance(train, ClassLabel) or "string" in train.dtype):
        return list(own.names)
    return list(train.names) if isinstance(train, ClassLabel) else None


def counted(value: Any, names: list[str]) -> str | None:
    """Return the name that a number counts, None if there is none; a text is a name already."""
    if isinstance(value, int | float):
        return names[int(value)] if is_whole(value) and 0 <= value < len(names) else None
    return value if value is None else str(value)


def is_whole(value: object) -> bool:
    """Return whether a value is a whole number, such as 2 or 2.0; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()


def is_fraction(value: float) -> bool:
    """Return whether a float is neither whole nor NaN, which says that a label is missing."""
    return not math.isnan(value) and not value.is_integer()


def are_decimals(values: Iterable[object]) -> bool:
    """Return whether text labels all are numbers, some with a decimal point: a CSV file has no types."""
    texts = {value for value in values if value is not None and str(value).strip()}
    numbers = all(isinstance(text, str) and NUMBER.fullmatch(text) for text in texts)
    return numbers and any("." in str(text) for text in texts)


def class_name(value: object) -> str | None:
    """Return the name of the class that a label stands for; None for None, NaN and text that shows nothing."""
    if value is None or value != value:
        return None
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return unicodedata.normalize("NFC", text) if seen(text) else None


def class_names_of(train: Dataset, column: str, labels: list[str | None]) -> list[str]:
    """Return the class names: those of a `ClassLabel` in its order; else all labels of train, sorted.

    Whole numbers are sorted by their value.
    """
    feature = train.features[column]
    if isinstance(feature, ClassLabel):
        return list(dict.fromkeys(unicodedata.normalize("NFC", name) for name in feature.names))
    names = {name for name in labels if name is not None}
    whole = all(re.fullmatch(r"-?\d+", name) for name in names)
    return sorted(names, key=lambda name: (int(name) if whole else 0, name))


def seen(text: str) -> str:
    """Return what a reader tells texts apart by: their letters in one width and case, without spaces.

    That is NFKC, which gives full-width letters and ligatures their usual form; then casefold; then no white space and
    no character that Unicode shows as nothing (Default_Ignorable_Code_Point), such as zero-width space and joiner.

    >>> seen("Ｃａｔ") == seen("c\u200bat ") == "cat"
    True
    """
    return UNSEEN.sub("", unicodedata.normalize("NFKC", text).casefold())


def warn_of_similar(classes: list[str]) -> None:
    """Log the class names that look alike, see `seen`: most likely one class, written differently.

    They stay different classes, because the data says so.
    """
    groups: dict[str, list[str]] = {}
    for name in classes:
        groups.setdefault(seen(name), []).append(name)
    similar = [", ".join(map(repr, group)) for group in groups.values() if len(group) > 1]
    if similar:
        log.warning(
            "dataset.columns.label: names equal but for case, space, width of letters or what is not shown are read as "
            "different classes: %s; make them equal in the data if they mean one class",
            "; ".join(similar),
        )
