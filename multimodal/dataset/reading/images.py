"""Decode images to pixels once, cache them with `datasets`, and report the images that do not decode."""

import hashlib
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import PIL
import torch
from datasets import Dataset, Features, Value
from torch import Tensor

from multimodal.dataset.reading import decoding
from multimodal.dataset.reading.content import image_digests
from multimodal.dataset.reading.decoding import decode_one
from multimodal.dataset.reading.rows import Rows, places
from multimodal.dataset.reading.value_range import black_and_white, to_8_bits

log = logging.getLogger(__name__)

BATCH = 1000  # images scaled at a time
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
    scales = value_scales([distinct for distinct, _ in decoded.values()])
    images: dict[str, tuple[Tensor, list[str | None]]] = {}
    marked: dict[str, dict[str, np.ndarray]] = {"several_pages": {}, "not_finite": {}, "one_colour": {}}
    for split, (distinct, index) in decoded.items():
        shape = (len(distinct), channels, size, size)
        pixels = scaled_pixels(distinct, shape, scales)
        problems = distinct["problem"][:]
        flat = (pixels == pixels[:, :, :1, :1]).all((1, 2, 3)) & np.array([text is None for text in problems], bool)
        marked["one_colour"][split] = flat[index]
        for name in ("several_pages", "not_finite"):
            marked[name][split] = np.array(distinct[name][:], dtype=bool)[index]
        shown = pixels if len(index) == len(distinct) else pixels[index]
        images[split] = torch.from_numpy(shown), [problems[i] for i in index]
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
        count, listed = places({split: rows[split].take(np.flatnonzero(found)) for split, found in splits.items()})
        if count:
            log.warning("%d image%s %s: %s", count, "" if count == 1 else "s", texts[kind], listed)


def decode_distinct(rows: Dataset, size: int, channels: int) -> tuple[Dataset, np.ndarray]:
    """Decode each distinct image of a split, or read it from the cache.

    The cache key is made of the content of the images, the settings, the version of Pillow and this code. An
    incomplete cache file, which a killed process leaves, is replaced. Images with a problem are decoded again every
    time: the cause may be gone.

    Args:
        rows: N samples with a column `image`, encoded.
        size: height and width, pixels.
        channels: C.

    Returns:
        A dataset of the D distinct images with the columns of `Decoded`, and (N,) int, which of them each row shows.
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
        return Dataset.from_dict({column: [] for column in FEATURES}, features=FEATURES), index
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
        cached = retried(cached, distinct, size, channels)
    return cached, index


def retried(cached: Dataset, distinct: Dataset, size: int, channels: int) -> Dataset:
    """Return the cached images with those that had a problem decoded again, in memory."""
    failed = [i for i, problem in enumerate(cached["problem"]) if problem is not None]
    if not failed:
        return cached
    again = Dataset.from_list(
        [asdict(decode_one(distinct[i]["image"], size, channels)) for i in failed], features=FEATURES
    )
    position = np.arange(len(cached))
    position[failed] = len(cached) + np.arange(len(failed))
    return datasets.concatenate_datasets([cached, again]).select(position)


def read_cached(file: Path, length: int) -> Dataset | None:
    """Read the images that an earlier run cached; None if the file is missing or does not have `length` rows."""
    if not file.exists():
        return None
    try:
        cached = Dataset.from_file(str(file))
    except (OSError, ValueError):  # what Arrow raises for a truncated file
        return None
    return cached if len(cached) == length else None


def value_scales(splits: list[Dataset]) -> dict[str, tuple[float, float]]:
    """Decide black and white of each mode of more than 8 bits by all images of all splits: {mode: (black, white)}."""
    ranges: dict[str, tuple[float, float]] = {}
    for split in splits:
        for mode, low, high in zip(split["mode"][:], split["low"][:], split["high"][:], strict=True):
            if mode is not None:
                before = ranges.get(mode, (low, high))
                ranges[mode] = min(low, before[0]), max(high, before[1])
    scales = {mode: black_and_white(mode, low, high) for mode, (low, high) in sorted(ranges.items())}
    for mode, (black, white) in scales.items():
        low, high = ranges[mode]
        log.info("images of mode %s hold %g to %g: %g is read as black, %g as white", mode, low, high, black, white)
    return scales


def scaled_pixels(
    distinct: Dataset, shape: tuple[int, int, int, int], scales: dict[str, tuple[float, float]]
) -> np.ndarray:
    """Return the pixels of D images, `shape` (D, C, H, W) uint8, those of more than 8 bits scaled."""
    pixels = np.empty(shape, dtype=np.uint8)
    for start in range(0, len(distinct), BATCH):
        batch = distinct[start : start + BATCH]
        count = len(batch["pixels"])
        pixels[start : start + count] = np.frombuffer(b"".join(batch["pixels"]), np.uint8).reshape(count, *shape[1:])
        for i, (mode, values) in enumerate(zip(batch["mode"], batch["values"], strict=True)):
            if values is not None:
                wide = np.frombuffer(values, np.float32).reshape(shape[1:])
                pixels[start + i] = to_8_bits(wide, *scales[mode])
    return pixels


def decode_batch(rows: dict[str, list[Any]], size: int, channels: int) -> dict[str, list[Any]]:
    """Decode a batch for `Dataset.map`, into the columns of `Decoded`."""
    decoded = [decode_one(image, size, channels) for image in rows["image"]]
    return {name: [getattr(image, name) for image in decoded] for name in FEATURES}
