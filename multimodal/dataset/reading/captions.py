"""Read the captions of a split: a text per row, or several, as COCO and Flickr have them."""

import unicodedata
from typing import Any

from datasets import Dataset, Features, LargeList, List

TEXT_KEYS = ("raw", "caption")  # of a caption that is a dict, as in COCO and Flickr


def read_captions(part: Dataset, column: str) -> list[list[str | None]]:
    """Read the captions of each row.

    Args:
        part: the split, N rows.
        column: name of a column of texts, of lists of texts, or of dicts or lists of dicts with a text under `raw` or
            `caption`.

    Returns:
        N lists of at least one caption each, NFC-normalised; [None] where a caption is missing.

    Raises:
        ValueError: the column does not hold text.
    """
    feature = part.features[column]
    if not holds_text(feature):
        raise ValueError(
            f"dataset.columns.caption: column {column} does not hold captions but {feature}; a text per row, or a "
            "list of texts, is wanted; set dataset.columns.caption"
        )
    return [texts_of(value) or [None] for value in part[column][:]]


def holds_text(feature: Any) -> bool:
    """Return whether a column's type is one that `read_captions` reads."""
    if isinstance(feature, List | LargeList):
        return holds_text(feature.feature)
    if isinstance(feature, dict | Features):
        return any(holds_text(feature[key]) for key in TEXT_KEYS if key in feature)
    return getattr(feature, "dtype", None) in ("string", "large_string", "null")


def texts_of(value: Any) -> list[str | None]:
    """Return the texts of one row's captions, however they are nested."""
    if isinstance(value, dict):
        return texts_of(next(value[key] for key in TEXT_KEYS if key in value))
    if isinstance(value, list):
        return [text for part in value for text in texts_of(part)]
    return [None if value is None else unicodedata.normalize("NFC", value)]
