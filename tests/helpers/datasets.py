"""Shared by the tests of the data: a cache of their own, and samples that say in pixels and words which they are."""

import io

import datasets
import numpy as np
from datasets import ClassLabel, Dataset, DatasetDict
from PIL import Image

from multimodal.caption.original import OriginalCaptions
from multimodal.dataset.builtin.digit_grammar import parse
from multimodal.dataset.data import Data, Split
from multimodal.dataset.preparing.augment import Augment
from multimodal.dataset.preparing.prepare import prepare_data
from multimodal.task.redundant import RedundantTask

CLASSES = ["bird", "cat", "dog"]
COLUMNS = {"image": "image", "label": "label", "caption": "caption"}
SETTINGS = {
    "grammar": parse,
    "image_attributes": None,
    "augment": Augment(0, 0, 0.0, False),
    "name": "toy",
    "source": "embedded",
    "path": None,
    "hub_id": "nobody/nothing",
    "columns": COLUMNS,
    "caption": OriginalCaptions(),
    "task": RedundantTask(),
    "image_size": 8,
    "channels": 1,
    "max_words": 4,
    "min_word_count": 1,
    "max_words_kept": None,
    "max_bad_rows": 0,
    "validation_fraction": 0.25,
    "test_fraction": 0.25,
    "limit": None,
    "seed": 0,
    "vocabulary": None,
}
LABELS = {
    "ClassLabel": lambda i: i % 3,
    "string": lambda i: CLASSES[i % 3],
    "int": lambda i: 10 * (i % 3) + 5,
}


def encoded(image: Image.Image, form: str = "PNG", **settings: object) -> bytes:
    """The file's content."""
    file = io.BytesIO()
    image.save(file, form, **settings)
    return file.getvalue()


def square(shade: int) -> bytes:
    """A grey image of 8x8 pixels."""
    return encoded(Image.fromarray(np.full((8, 8), shade, dtype=np.uint8)))


def table(image: list, label: list, caption: list, names=("image", "label", "caption"), classes=None) -> Dataset:
    """A split: images as bytes or None; `classes` makes a ClassLabel of the numbers in `label`, whatever they are."""
    images = [content if content is None else {"bytes": content, "path": None} for content in image]
    rows = Dataset.from_dict(dict(zip(names, (images, label, caption), strict=True)))
    rows = rows.cast_column(names[0], datasets.Image())
    if classes is not None:  # not by a cast, which refuses the labels that a parquet file may well have
        features = rows.features | {names[1]: ClassLabel(names=classes)}
        rows = Dataset(rows.data, info=datasets.DatasetInfo(features=datasets.Features(features)))
    return rows


def samples(numbers, label: str = "ClassLabel", names=("image", "label", "caption")) -> Dataset:
    """Samples whose pixels and caption are their number, and whose class is its remainder."""
    classes = CLASSES if label == "ClassLabel" else None
    captions = [f"word{i} of them" for i in numbers]
    return table([square(i) for i in numbers], [LABELS[label](i) for i in numbers], captions, names, classes)


def prepared(rows: DatasetDict | None, **changed: object) -> Data:
    """`prepare_data` of these splits."""
    return prepare_data(**(SETTINGS | {"embedded": lambda: rows} | changed))


def numbers(split: Split) -> list[int]:
    """Which samples a split holds, by their pixels."""
    return split.image[:][:, 0, 0, 0].tolist()
