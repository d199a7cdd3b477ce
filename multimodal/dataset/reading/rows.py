"""A source's splits under our column names: labels as numbers, images still encoded, each row with its number."""

from dataclasses import dataclass, replace

import datasets
import numpy as np
from datasets import ClassLabel, Dataset, DatasetDict

NO_LABEL = -1


@dataclass(frozen=True)
class Rows:
    """Samples of one split.

    Args:
        split: the split of the source they came from.
        number: (N,) which rows of it.
        image: column `image`, encoded.
        label: (N,) int64, `NO_LABEL` where there is none of a class.
        caption: N texts or None.
    """

    split: str
    number: np.ndarray
    image: Dataset
    label: np.ndarray
    caption: list[str | None]

    def __len__(self) -> int:
        return len(self.number)

    def take(self, rows: np.ndarray) -> "Rows":
        """The samples at `rows`, in that order."""
        caption = [self.caption[i] for i in rows]
        return replace(
            self, number=self.number[rows], image=self.image.select(rows), label=self.label[rows], caption=caption
        )


def read_rows(splits: DatasetDict, columns: dict[str, str]) -> tuple[dict[str, Rows], list[str]]:
    """({split: Rows}, class names); `columns` says how the source calls `image`, `label` and `caption`."""
    if "train" not in splits:
        raise ValueError(f"no train split among {', '.join(splits)}")
    splits = {name: splits[name] for name in ("train", "test") if name in splits}  # validation comes out of train
    for name, part in splits.items():
        missing = sorted(set(columns.values()) - set(part.column_names))
        if missing:
            raise ValueError(
                f"no column {', '.join(missing)} among {', '.join(part.column_names)} of {name}; "
                "set dataset.columns.image, .label and .caption to the names that your data uses"
            )
    feature = splits["train"].features[columns["label"]]
    names = feature.names if isinstance(feature, ClassLabel) else None
    labels = {name: class_labels(part, columns["label"], names) for name, part in splits.items()}
    classes = names or sorted({value for value in labels["train"] if is_class(value)})
    if len(classes) < 2:
        raise ValueError(f"column {columns['label']} has {len(classes)} classes in train, two or more are wanted")
    numbers = {value: i for i, value in enumerate(classes)}
    return {
        name: Rows(
            split=name,
            number=np.arange(len(part)),
            image=encoded_images(part, columns["image"]),
            label=np.array([numbers.get(value, NO_LABEL) for value in labels[name]], dtype=np.int64),
            caption=texts(part, columns["caption"]),
        )
        for name, part in splits.items()
    }, [str(value) for value in classes]


def class_labels(part: Dataset, column: str, names: list[str] | None) -> list[object]:
    """The labels; where train has named classes (`names`) their names, for each split may number them its own way."""
    feature, values = part.features[column], part[column][:]
    if names is None:
        return values
    named = dict(enumerate(feature.names if isinstance(feature, ClassLabel) else names))
    return [named.get(value) if isinstance(value, int) else value for value in values]


def is_class(value: object) -> bool:
    """Whether a label names a class: None, NaN and an empty text do not."""
    return value is not None and value == value and str(value).strip() != ""


def encoded_images(part: Dataset, column: str) -> Dataset:
    """The column alone, as `image`, not decoded."""
    part = part.select_columns([column])
    part = part if column == "image" else part.rename_column(column, "image")
    try:
        return part.cast_column("image", datasets.Image(decode=False))
    except (TypeError, ValueError, NotImplementedError) as error:  # the last is Arrow's
        raise ValueError(f"column {column} does not hold images but {part.features['image']}") from error


def texts(part: Dataset, column: str) -> list[str | None]:
    """The captions; ValueError if the column holds something else."""
    feature = part.features[column]
    if getattr(feature, "dtype", None) not in ("string", "large_string"):
        raise ValueError(f"column {column} does not hold captions but {feature}; set dataset.columns.caption")
    return part[column][:]
