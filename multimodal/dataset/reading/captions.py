"""Read the captions of a split: a text per row, or several, as COCO and Flickr have them.

A table of text has no lists, so a text that is a list of texts, as JSON or Python writes it, is several captions:
`["a cat", "a small cat"]` or `['a cat', 'a small cat']`. Any other text in brackets is a caption itself.
"""

import ast
import io
import json
import tokenize
import unicodedata
import warnings
from typing import Any

from datasets import Dataset, Features, LargeList, List

from multimodal.dataset.reading.labels import example_of

TEXT_KEYS = ("raw", "caption")  # of a caption that is a dict, as in COCO and Flickr
NO_PYTHON = (SyntaxError, ValueError, MemoryError, RecursionError, tokenize.TokenError)  # of what is not Python


def read_captions(part: Dataset, column: str, origin: str) -> list[list[str | None]]:
    """Read the captions of each row.

    Args:
        part: the split, N rows.
        column: name of a column of texts, of lists of texts, or of dicts or lists of dicts with a text under `raw` or
            `caption`; a text may be a written list.
        origin: what the split is read from, for messages.

    Returns:
        N lists of at least one caption each, NFC-normalised; [None] where a caption is missing.

    Raises:
        ValueError: the column does not hold text, or a written list has no commas.
    """
    feature = part.features[column]
    if not holds_text(feature):
        raise ValueError(
            f"dataset.columns.caption: column {column} does not hold captions but {feature}, such as "
            f"{example_of(part, column)} of {origin}; a text per row, or a list of texts, is wanted; set "
            "dataset.columns.caption"
        )
    captions = []
    for row, value in enumerate(part[column][:]):
        try:
            captions.append(texts_of(value) or [None])
        except MissingCommas as error:
            raise ValueError(
                f"dataset.columns.caption: column {column} holds a list without commas in row {row} (from 0) of "
                f'{origin}: {error}; write it as JSON, such as ["a cat", "a small cat"]'
            ) from error
    return captions


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
    if value is None:
        return [None]
    listed = written_list(value)
    return [unicodedata.normalize("NFC", text) for text in ([value] if listed is None else listed)]


class MissingCommas(Exception):
    """Holds a list as NumPy writes it, whose texts Python would join to one."""


def written_list(text: str) -> list[str] | None:
    """Read a text that is a list of texts, as JSON or Python writes it; None if it is anything else.

    Raises:
        MissingCommas: the list has none.

    >>> written_list("['a cat', 'a small cat']")
    ['a cat', 'a small cat']
    >>> written_list("[a cat]") is None
    True
    """
    if not (text.startswith("[") and text.endswith("]")):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = python_list(text)
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else None


def python_list(text: str) -> Any:
    """Evaluate a text as a literal of Python, which runs no code; None if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of backslashes
            value = ast.literal_eval(text)
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except NO_PYTHON:
        return None
    written = sum(token.type == tokenize.STRING for token in tokens)
    if isinstance(value, list) and written > len(value) and all(isinstance(item, str) for item in value):
        raise MissingCommas(text[:80])
    return value
