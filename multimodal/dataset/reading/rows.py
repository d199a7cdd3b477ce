"""Read a source's splits under common column names: labels as numbers, images still encoded, a caption per row."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import datasets
import numpy as np
import pyarrow.compute as pc
from datasets import Dataset, DatasetDict
from datasets.data_files import SPLIT_KEYWORDS

from multimodal.dataset.reading.captions import read_captions
from multimodal.dataset.reading.labels import class_names_of, example_of, read_labels, warn_of_similar
from multimodal.dataset.reading.split_column import divide_by_column
from multimodal.images import Images

log = logging.getLogger(__name__)

NO_LABEL = -1  # label of a row without a known class
MAX_LISTED = 10  # rows named in a message


@dataclass(frozen=True)
class Rows:
    """Samples of one split: one per caption, so an image of five captions is five rows of the same number.

    Args:
        split: name of the split in the source.
        number: (N,) int64, row numbers in that split, or in what a column divides into splits; equal for the captions
            of one image.
        image: N rows with a column `image`, encoded.
        label: (N,) int64, `NO_LABEL` where the label is missing or not a training class.
        caption: N texts, NFC-normalised, None where the caption is missing.
    """

    split: str
    number: np.ndarray
    image: Dataset
    label: np.ndarray
    caption: list[str | None]

    def __len__(self) -> int:
        return len(self.number)

    def take(self, rows: np.ndarray) -> Self:
        """Return the samples at `rows` (n,) int, in that order."""
        caption = [self.caption[i] for i in rows]
        return replace(
            self, number=self.number[rows], image=self.image.select(rows), label=self.label[rows], caption=caption
        )


@dataclass(frozen=True)
class Samples(Rows):
    """Rows whose images are decoded.

    Args:
        pixels: N images.
    """

    pixels: Images

    @classmethod
    def of(cls, rows: Rows, pixels: Images) -> "Samples":
        """Join rows and their pixels."""
        return cls(rows.split, rows.number, rows.image, rows.label, rows.caption, pixels)

    def take(self, rows: np.ndarray) -> Self:
        """Return the samples at `rows` (n,) int, in that order."""
        return replace(super().take(rows), pixels=self.pixels.take(rows))


def places(splits: Mapping[str, Rows]) -> tuple[int, str]:
    """Count the source's rows of all splits, and list the first: (3, "train rows 4, 9; test row 1")."""
    numbers: dict[str, set[int]] = {}
    for part in splits.values():
        numbers.setdefault(part.split, set()).update(part.number.tolist())
    count, left, listed = sum(map(len, numbers.values())), MAX_LISTED, []
    for split, found in numbers.items():
        first = sorted(found)[:left]
        left -= len(first)
        if first:
            listed.append(f"{split} row{'' if len(first) == 1 else 's'} {', '.join(map(str, first))}")
    return count, "; ".join(listed) + (f" and {count - MAX_LISTED} more" if count > MAX_LISTED else "")


def read_rows(
    splits: DatasetDict, columns: dict[str, str], folder: Path | None = None, origin: str = "the data"
) -> tuple[dict[str, Rows], list[str]]:
    """Read the splits for training and, if there are any, for validation and test.

    Args:
        splits: the source's splits. Their names may be those that `datasets` knows: train or training; validation,
            valid, dev or val; test, testing, eval or evaluation. Splits of other names are ignored, with a warning.
            A source of one split may name them in a column `split` instead.
        columns: {"image", "label", "caption"}: the source's names of these columns.
        folder: relative image paths are looked for here, and then in the working directory; None: only there.
        origin: what the splits are read from, for messages.

    Returns:
        {"train", "validation", "test": Rows}, the last two only if the source has them; and the class names.

    Raises:
        ValueError: there is no train split, a column is missing or of the wrong type, or train has fewer than
            two classes.
    """
    parts, place = divide_by_column(splits, columns.values())
    given = named_splits(parts)
    used = {name: parts[split] for name, split in given.items()}
    for name, part in used.items():
        missing = sorted(set(columns.values()) - set(part.column_names))
        if missing:
            settings = ", ".join(f"dataset.columns.{key}={value}" for key, value in columns.items() if value in missing)
            raise ValueError(
                f"no column {', '.join(missing)} among {', '.join(part.column_names)} of split {name} ({settings}); "
                "set dataset.columns.image, dataset.columns.label and dataset.columns.caption to the names in your data"
            )
    labels = read_labels(used, columns["label"], origin)
    classes = class_names_of(used["train"], columns["label"], labels["train"])
    if len(classes) < 2:
        raise ValueError(
            f"dataset.columns.label: column {columns['label']} has {len(classes)} classes in train, but two or more "
            "are needed"
        )
    warn_of_similar(classes)
    numbers: dict[str | None, int] = {value: i for i, value in enumerate(classes)}
    rows = {}
    for name, part in used.items():
        captions = read_captions(part, columns["caption"], f"{origin}, split {name}")
        repeated = np.repeat(np.arange(len(part)), [len(texts) for texts in captions])
        image = encoded_images(part, columns["image"], folder, f"{origin}, split {name}")
        label = np.array([numbers.get(value, NO_LABEL) for value in labels[name]], dtype=np.int64)
        rows[name] = Rows(
            split=name,
            number=place[given[name]][repeated],
            image=image if len(repeated) == len(part) else image.select(repeated),
            label=label[repeated],
            caption=[text for texts in captions for text in texts],
        )
    return rows, classes


def named_splits(splits: Iterable[str]) -> dict[str, str]:
    """Return {"train", "validation", "test": name in the source} by the names that `datasets` knows; warn of others.

    Raises:
        ValueError: there is no train split.
    """
    names = [str(split) for split in splits]
    found: dict[str, str] = {}
    for name, known in SPLIT_KEYWORDS.items():
        given = [split for word in known for split in names if split.lower() == word]
        if given:
            found[str(name)] = given[0]
    if "train" not in found:
        raise ValueError(f"no train split among {', '.join(names)}; name the split for training train in your data")
    ignored = [split for split in names if split not in found.values()]
    if ignored:
        read = ", ".join(found.values())
        log.warning("splits of the data that are not read: %s (read: %s)", ", ".join(ignored), read)
    return found


def encoded_images(part: Dataset, column: str, folder: Path | None, origin: str) -> Dataset:
    """Return the image column alone, named `image`, without decoding it.

    Args:
        part: the split.
        column: name of the image column.
        folder: as in `read_rows`.
        origin: what the split is read from, for messages.

    Raises:
        ValueError: the column does not hold images.
    """
    example = example_of(part, column) if not isinstance(part.features[column], datasets.Image) else ""
    part = part.select_columns([column])
    part = part if column == "image" else part.rename_column(column, "image")
    try:
        encoded = part.cast_column("image", datasets.Image(decode=False))
    except (TypeError, ValueError, NotImplementedError) as error:  # the last one comes from Arrow
        raise ValueError(
            f"dataset.columns.image: column {column} does not hold images but {part.features['image']}, such as "
            f"{example} of {origin}; images or their paths are wanted"
        ) from error
    return encoded if folder is None else absolute_paths(encoded, folder)


def absolute_paths(images: Dataset, folder: Path) -> Dataset:
    """Return the images with each relative path that leads to a file in `folder` made absolute."""

    def resolve(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        return {"image": [absolute_path(image, folder) for image in batch["image"]]}

    content, path = (pc.struct_field(images.data.column("image"), name) for name in ("bytes", "path"))
    if not pc.any(pc.and_(pc.is_null(content), pc.is_valid(path))).as_py():
        return images  # what is embedded is not copied; a path beside it is only a name
    return images.map(resolve, batched=True, features=images.features, keep_in_memory=True, load_from_cache_file=False)


def absolute_path(image: dict[str, Any] | None, folder: Path) -> dict[str, Any] | None:
    """Return an encoded image, its relative path made absolute if it leads to a file in `folder`."""
    if image is None or image["bytes"] is not None or not image["path"]:
        return image
    path = folder / image["path"]
    try:
        return image | {"path": str(path)} if path.is_file() else image
    except (OSError, ValueError):  # such as a name that is too long
        return image
