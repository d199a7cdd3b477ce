"""Read a source's splits under common column names: labels as numbers, images still encoded."""

from dataclasses import dataclass, replace
from typing import Any

import datasets
import numpy as np
from datasets import ClassLabel, Dataset, DatasetDict

NO_LABEL = -1  # label of a row without a known class


@dataclass(frozen=True)
class Rows:
    """Samples of one split.

    Args:
        split: name of the split in the source.
        number: (N,) int64, row numbers in that split.
        image: N rows with a column `image`, encoded.
        label: (N,) int64, `NO_LABEL` where the label is missing or not a training class.
        caption: N texts, None where the caption is missing.
    """

    split: str
    number: np.ndarray
    image: Dataset
    label: np.ndarray
    caption: list[str | None]

    def __len__(self) -> int:
        return len(self.number)

    def take(self, rows: np.ndarray) -> "Rows":
        """Return the samples at `rows` (n,) int, in that order."""
        caption = [self.caption[i] for i in rows]
        return replace(
            self, number=self.number[rows], image=self.image.select(rows), label=self.label[rows], caption=caption
        )


def read_rows(splits: DatasetDict, columns: dict[str, str]) -> tuple[dict[str, Rows], list[str]]:
    """Read the splits `train` and, if there is one, `test`.

    Args:
        splits: the source's splits.
        columns: {"image", "label", "caption"}: the source's names of these columns.

    Returns:
        {split: Rows}, and the class names.

    Raises:
        ValueError: there is no train split, a column is missing or of the wrong type, or train has fewer than
            two classes.
    """
    if "train" not in splits:
        raise ValueError(f"no train split among {', '.join(splits)}")
    used = {name: splits[name] for name in ("train", "test") if name in splits}  # validation is split from train
    for name, part in used.items():
        missing = sorted(set(columns.values()) - set(part.column_names))
        if missing:
            raise ValueError(
                f"no column {', '.join(missing)} among {', '.join(part.column_names)} of split {name}; set "
                "dataset.columns.image, dataset.columns.label and dataset.columns.caption to the names in your data"
            )
    feature = used["train"].features[columns["label"]]
    names = feature.names if isinstance(feature, ClassLabel) else None
    labels = {name: class_labels(part, columns["label"], names) for name, part in used.items()}
    classes: list[Any] = names or sorted({value for value in labels["train"] if is_class(value)})
    if len(classes) < 2:
        raise ValueError(f"column {columns['label']} has {len(classes)} classes in train, but two or more are needed")
    numbers = {value: i for i, value in enumerate(classes)}
    return {
        name: Rows(
            split=name,
            number=np.arange(len(part)),
            image=encoded_images(part, columns["image"]),
            label=np.array([numbers.get(value, NO_LABEL) for value in labels[name]], dtype=np.int64),
            caption=read_captions(part, columns["caption"]),
        )
        for name, part in used.items()
    }, [str(value) for value in classes]


def class_labels(part: Dataset, column: str, names: list[str] | None) -> list[object]:
    """Read the labels of a split.

    Args:
        part: the split.
        column: name of the label column.
        names: class names of train, or None if its labels are plain values.

    Returns:
        N labels: class names if `names` is given, because each split may number the classes differently; else the
        values as they are.
    """
    feature, values = part.features[column], part[column][:]
    if names is None:
        return values
    numbered = dict(enumerate(feature.names if isinstance(feature, ClassLabel) else names))
    return [numbered.get(value) if isinstance(value, int) else value for value in values]


def is_class(value: object) -> bool:
    """Return whether a label names a class; None, NaN and blank text do not."""
    return value is not None and value == value and str(value).strip() != ""


def encoded_images(part: Dataset, column: str) -> Dataset:
    """Return the image column alone, named `image`, without decoding it.

    Raises:
        ValueError: the column does not hold images.
    """
    part = part.select_columns([column])
    part = part if column == "image" else part.rename_column(column, "image")
    try:
        return part.cast_column("image", datasets.Image(decode=False))
    except (TypeError, ValueError, NotImplementedError) as error:  # the last one comes from Arrow
        raise ValueError(f"column {column} does not hold images but {part.features['image']}") from error


def read_captions(part: Dataset, column: str) -> list[str | None]:
    """Read the captions of a split, None where one is missing.

    Raises:
        ValueError: the column does not hold text.
    """
    feature = part.features[column]
    if getattr(feature, "dtype", None) not in ("string", "large_string"):
        raise ValueError(f"column {column} does not hold captions but {feature}; set dataset.columns.caption")
    return part[column][:]
