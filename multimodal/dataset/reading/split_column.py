"""Divide a source of one split by its column `split`, as tables of captions often have it."""

import logging
from collections.abc import Collection
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset, DatasetDict
from datasets.data_files import SPLIT_KEYWORDS

log = logging.getLogger(__name__)

COLUMN = "split"
TRAIN, *OTHERS = ([*words] for words in SPLIT_KEYWORDS.values())
KNOWN = {word for words in (TRAIN, *OTHERS) for word in words}
EMPTY = "(empty)"  # name of the split of rows without a value
MOST = 10  # different values of a column of splits; more are told as of another kind


def divide_by_column(splits: DatasetDict, columns: Collection[str]) -> tuple[dict[str, Dataset], dict[str, np.ndarray]]:
    """Divide a source of one split by the values of its column `split`, if one of them names the split for training.

    Names count without case and space. Values that name no split become splits of these names, which are not read. A
    column that names no split for training, and that of a source which has several splits, is not used; both is said.

    Args:
        splits: the source's splits.
        columns: the columns that are read as something else.

    Returns:
        {split: rows} and {split: (N,) int64, the numbers of its rows in the source}.
    """
    whole = {str(name): part for name, part in splits.items()}
    numbers = {name: np.arange(len(part)) for name, part in whole.items()}
    values = {name: names_of(part) for name, part in whole.items() if COLUMN in part.column_names}
    if COLUMN in columns or not values:
        return whole, numbers
    if len(whole) > 1:
        warn_of_contradiction(values)
        return whole, numbers
    (names,) = values.values()
    (part,) = whole.values()
    if not set(names) & set(TRAIN):
        held = list(dict.fromkeys(names))
        listed = ", ".join(map(repr, held[:MOST])) + (", …" if len(held) > MOST else "")
        log.warning(
            "column %s is not read as splits: it holds %s; wanted are train, validation and test, train among them",
            COLUMN,
            listed,
        )
        return whole, numbers
    array = np.array(names)
    numbers = {name: np.flatnonzero(array == name) for name in dict.fromkeys(names)}
    return {name: part.select(rows) for name, rows in numbers.items()}, numbers


def names_of(part: Dataset) -> list[str]:
    """Return the column as names of splits, in lower case and without space; those of a `ClassLabel` by name."""
    feature = part.features[COLUMN]

    def name_of(value: Any) -> str:
        if isinstance(feature, ClassLabel) and value is not None and 0 <= value < len(feature.names):
            value = feature.names[value]
        return (str(value).strip().lower() if value is not None else "") or EMPTY

    return [name_of(value) for value in part[COLUMN]]


def warn_of_contradiction(values: dict[str, list[str]]) -> None:
    """Log the splits whose column names another split: {split: names}."""
    kinds = {word: words[0] for words in (TRAIN, *OTHERS) for word in words}
    for split, names in values.items():
        others = {name for name in names if name in KNOWN and kinds[name] != kinds.get(split.lower())}
        if others:
            log.warning(
                "column %s of split %s holds %s; it is not read, because the data is in splits already",
                COLUMN,
                split,
                ", ".join(sorted(others)),
            )
