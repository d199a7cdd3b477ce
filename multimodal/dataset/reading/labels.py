"""Read labels of any kind as class names."""

import logging
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping

from datasets import ClassLabel, Dataset, Value

log = logging.getLogger(__name__)

WANTED = "a class per row is wanted: text, a whole number, or true and false"
KINDS = re.compile(r"string|large_string|u?int\d+|float\d+|bool|null")
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
SHOWN = 80  # characters of a value in a message


def read_labels(splits: Mapping[str, Dataset], column: str) -> dict[str, list[str | None]]:
    """Read the labels of each split as class names, so that a class keeps its name however a split stores it.

    A `ClassLabel` gives its name, by the split's own numbers, unless train holds plain numbers; plain numbers beside a
    `ClassLabel` of train count in that one. Other numbers become text, 2.0 as 2. Text is NFC-normalised and else kept:
    NA and None are names.

    Args:
        splits: {split: rows}, `train` among them.
        column: name of the label column.

    Returns:
        {split: N names, None where the label is missing or no class of the column}.

    Raises:
        ValueError: the column holds something else than classes, or train's are fractions.
    """
    for part in splits.values():
        feature = part.features[column]
        if not isinstance(feature, ClassLabel) and not (isinstance(feature, Value) and KINDS.fullmatch(feature.dtype)):
            example = repr(next((value for value in part[column] if value is not None), None))
            raise ValueError(
                f"dataset.columns.label: column {column} holds {feature}, such as {example[:SHOWN]}; {WANTED}; set "
                "dataset.columns.label to a column of classes"
            )
    train = splits["train"].features[column]
    names = train.names if isinstance(train, ClassLabel) else None
    plain_numbers = names is None and "string" not in train.dtype
    decimal = are_decimals(splits["train"][column])
    labels = {}
    for split, part in splits.items():
        feature, values = part.features[column], part[column][:]
        own = feature.names if isinstance(feature, ClassLabel) and not plain_numbers else names
        if own is not None:
            values = [own[int(value)] if is_whole(value) and 0 <= value < len(own) else value for value in values]
            values = [None if isinstance(value, int | float) else value for value in values]
        elif decimal:
            values = [float(value) if isinstance(value, str) and NUMBER.fullmatch(value) else value for value in values]
        fraction = next((value for value in values if isinstance(value, float) and is_fraction(value)), None)
        if split == "train" and fraction is not None:
            raise ValueError(
                f"dataset.columns.label: column {column} holds numbers such as {fraction}, which name no class; "
                f"{WANTED}; predicting a number (regression) is not supported"
            )
        labels[split] = [class_name(value) for value in values]
    return labels


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
    """Return the name of the class that a label stands for; None for None, NaN and blank text."""
    if value is None or value != value:
        return None
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return unicodedata.normalize("NFC", text) if text.strip() else None


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


def warn_of_similar(classes: list[str]) -> None:
    """Log the class names that are equal but for case and space: most likely one class, written differently."""
    groups: dict[str, list[str]] = {}
    for name in classes:
        groups.setdefault("".join(name.casefold().split()), []).append(name)
    similar = [", ".join(map(repr, group)) for group in groups.values() if len(group) > 1]
    if similar:
        log.warning(
            "dataset.columns.label: names equal but for case and space are read as different classes: %s; make them "
            "equal in the data if they mean one class",
            "; ".join(similar),
        )
