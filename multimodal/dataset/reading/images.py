"""Decode images to pixels once, cache them with `datasets`, and report the images that do not decode."""

import hashlib
import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import PIL
import pyarrow as pa
import torch
from datasets import Dataset, Features, Value
from torch import Tensor

from multimodal.dataset.reading import decoding
from multimodal.dataset.reading.content import image_digests
from multimodal.dataset.reading.decoding import Decoded, decode_one
from multimodal.dataset.reading.rows import Rows, places
from multimodal.dataset.reading.value_range import black_and_white, to_8_bits

log = logging.getLogger(__name__)

FEATURES = Features(
    pixels=Value("binary"),
    values=Value("binary"),
    mode=Value("string"),
    low=Value("float64"),
    high=Value("float64"),
    not_finite=Value("bool"),
    several_pages=Value("bool"),
    problem=Value("string"),
)


@dataclass
class Distinct:
    """The D distinct images of a split of N rows.

    Args:
        table: D rows with the columns of `Decoded`, read from the cache.
        again: {row: Decoded} of the images that had a problem and were decoded again.
        index: (N,) int, which of the D images each row shows.
    """

    table: pa.Table
    again: dict[int, Decoded]
    index: np.ndarray

    def column(self, name: str) -> np.ndarray:
        """Return a column, (D,)."""
        values = np.array(self.table.column(name).to_numpy())
        for i, image in self.again.items():
            values[i] = getattr(image, name)
        return values

    def scaled(self, shape: tuple[int, ...], scales: dict[str, tuple[float, float]]) -> np.ndarray:
        """Return the pixels (D, C, H, W) uint8, those of more than 8 bits scaled: `shape` (C, H, W)."""
        length = math.prod(shape)
        chunks = self.table.column("pixels").chunks
        parts = [np.frombuffer(c.buffers()[2], np.uint8)[c.offset * length :][: len(c) * length] for c in chunks]
        pixels = np.concatenate([np.empty(0, np.uint8), *parts]).reshape(-1, *shape)
        for i, image in self.again.items():
            pixels[i] = np.frombuffer(image.pixels, np.uint8).reshape(shape)
        modes, stored = self.column("mode"), self.table.column("values")
        for i in [i for i, mode in enumerate(modes) if mode is not None]:
            values = self.again[i].values if i in self.again else stored[i].as_py()
            pixels[i] = to_8_bits(np.frombuffer(values or b"", np.float32).reshape(shape), *scales[modes[i]])
        return pixels


def decode_images(rows: dict[str, Rows], size: int, channels: int) -> dict[str, tuple[Tensor, list[str | None]]]:
    """Decode the images of all splits, or read their pixels from the cache.

    Equal pictures of a split are decoded once. Images of more than 8 bits are scaled by what all splits hold, see
    `value_range`. Warns of images of one colour, of values that are not finite, and of files of several pages.

    Args:
        rows: {split: Rows}, N samples each.
        size: height and width to resize to, pixels.
        channels: C, 1 for grey or 3 for RGB.

    Returns:
        {split: (pixels (N, C, H, W) uint8, the problem with each image, None where it decoded)}.
    """
    decoded = {split: decode_distinct(part.image, size, channels) for split, part in rows.items()}
    scales = value_scales(list(decoded.values()))
    images: dict[str, tuple[Tensor, list[str | None]]] = {}
    marked: dict[str, dict[str, np.ndarray]] = {"several_pages": {}, "not_finite": {}, "one_colour": {}}
    for split, distinct in decoded.items():
        index, pixels = distinct.index, distinct.scaled((channels, size, size), scales)
        problems = distinct.column("problem")
        usable = np.array([problem is None for problem in problems], dtype=bool)
        marked["one_colour"][split] = ((pixels == pixels[:, :, :1, :1]).all((1, 2, 3)) & usable)[index]
        for name in ("several_pages", "not_finite"):
            marked[name][split] = distinct.column(name).astype(bool)[index]
        images[split] = torch.from_numpy(pixels if len(index) == len(pixels) else pixels[index]), list(problems[index])
    warn_of(rows, marked)
    return images


def warn_of(rows: dict[str, Rows], marked: dict[str, dict[str, np.ndarray]]) -> None:
    """Log one line for each kind of image that may have been misread: {kind: {split: (N,) bool}}."""
    texts = {
        "several_pages": "with several pages or frames, read as the first of them",
        "not_finite": "with NaN or infinite values, read as the darkest value of the image",
        "one_colour": "of one colour; see whether they are blank, and whether dataset.columns.image is right",
    }
    for kind, splits in marked.items():
        found = {split: np.flatnonzero(rows_with) for split, rows_with in splits.items()}
        count, listed = places({split: rows[split].take(indices) for split, indices in found.items() if len(indices)})
        if count:
            log.warning("%d image%s %s: %s", count, "" if count == 1 else "s", texts[kind], listed)


def decode_distinct(rows: Dataset, size: int, channels: int) -> Distinct:
    """Decode each distinct image of a split, or read it from the cache.

    The cache key is made of the content of the images, the settings, the version of Pillow and this code. An
    incomplete cache file, which a killed process leaves, is replaced. Images with a problem are decoded again every
    time: the cause may be gone.

    Args:
        rows: N samples with a column `image`, encoded.
        size: height and width, pixels.
        channels: C.
    """
    digests, first, index = np.unique(image_digests(rows), return_index=True, return_inverse=True)
    order = np.argsort(first)  # as they come in the rows, which reads them in one go
    index = np.argsort(order)[index]
    distinct = rows.select(first[order])
    settings = {"size": size, "channels": channels}
    code = [Path(str(file)).read_bytes() for file in (__file__, decoding.__file__)]
    parts = [digests[order].tobytes(), *code, PIL.__version__.encode(), repr(settings).encode()]
    name = hashlib.blake2b(b"".join(hashlib.blake2b(part).digest() for part in parts), digest_size=16).hexdigest()
    file = Path(datasets.config.HF_DATASETS_CACHE) / "multimodal" / f"{name}.arrow"
    if len(distinct) == 0:
        return Distinct(FEATURES.arrow_schema.empty_table(), {}, index)
    again: dict[int, Decoded] = {}
    cached = read_cached(file, len(distinct))
    if cached is None:
        file.parent.mkdir(parents=True, exist_ok=True)
        cached = distinct.map(  # writes a temporary file and renames it, so two processes do not conflict
            decode_batch,
            batched=True,
            fn_kwargs=settings,
            remove_columns=distinct.column_names,
            features=FEATURES,
            cache_file_name=str(file),
            load_from_cache_file=False,
            desc="decoding images",
        )
    else:
        failed = np.flatnonzero(cached.data.column("problem").is_valid())
        again = {int(i): decode_one(distinct[int(i)]["image"], size, channels) for i in failed}
    return Distinct(cached.data.table, again, index)


def read_cached(file: Path, length: int) -> Dataset | None:
    """Read the images that an earlier run cached; None if the file is missing or does not have `length` rows."""
    if not file.exists():
        return None
    try:
        cached = Dataset.from_file(str(file))
    except (OSError, ValueError):  # what Arrow raises for a truncated file
        return None
    return cached if len(cached) == length else None


def value_scales(splits: list[Distinct]) -> dict[str, tuple[float, float]]:
    """Decide black and white of each mode of more than 8 bits by all images of all splits: {mode: (black, white)}."""
    modes, low, high = (np.concatenate([split.column(name) for split in splits]) for name in ("mode", "low", "high"))
    scales = {}
    for mode in sorted({mode for mode in modes if mode is not None}):
        smallest, largest = float(low[modes == mode].min()), float(high[modes == mode].max())
        black, white = scales[mode] = black_and_white(mode, smallest, largest)
        log.info(
            "images of mode %s hold %g to %g: %g is read as black, %g as white", mode, smallest, largest, black, white
        )
    return scales


def decode_batch(rows: dict[str, list[Any]], size: int, channels: int) -> dict[str, list[Any]]:
    """Decode a batch for `Dataset.map`, into the columns of `Decoded`."""
    decoded = [decode_one(image, size, channels) for image in rows["image"]]
    return {name: [getattr(image, name) for image in decoded] for name in FEATURES}
