"""Decode images to pixels once, cache them with `datasets`, and report the images that do not decode."""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import PIL
import pyarrow as pa
from datasets import Dataset, Features, Value
from torch import Tensor

from multimodal.dataset.reading import decoding
from multimodal.dataset.reading.content import image_digests
from multimodal.dataset.reading.decoding import Decoded, decode_one
from multimodal.dataset.reading.rows import Rows, places
from multimodal.dataset.reading.value_range import black_and_white, to_8_bits
from multimodal.images import Images, MappedFile, in_parts, write_images

log = logging.getLogger(__name__)

FEATURES = Features(
    pixels=Value("binary"),
    digest=Value("binary"),
    values=Value("binary"),
    mode=Value("string"),
    low=Value("float64"),
    high=Value("float64"),
    not_finite=Value("bool"),
    several_pages=Value("bool"),
    problem=Value("string"),
)


MOST = 100  # images decoded at a time; encoded, a photograph has up to 20 MB


@dataclass
class Distinct:
    """The D distinct images of a split of N rows.

    Args:
        table: D rows with the columns of `Decoded`, read from the cache.
        images: their pixels in the cache, those of more than 8 bits black.
        again: {row: Decoded} of the images that had a problem and were decoded again.
        index: (N,) int, which of the D images each row shows.
    """

    table: pa.Table
    images: Images
    again: dict[int, Decoded]
    index: np.ndarray

    def column(self, name: str) -> np.ndarray:
        """Return a column, (D,)."""
        values = np.array(self.table.column(name).to_numpy())
        for i, image in self.again.items():
            values[i] = getattr(image, name)
        return values

    def scaled(self, scales: dict[str, tuple[float, float]]) -> Images:
        """Return the D images, those of more than 8 bits scaled; if any differs from the cache, in a file of its own.

        Args:
            scales: {mode: (black, white)}.
        """
        deep = {i: mode for i, mode in enumerate(self.column("mode")) if mode is not None}
        if not deep and all(image.problem is not None for image in self.again.values()):
            return self.images
        return write_images(self.scaled_parts(deep, scales), self.images.size, self.images.file.path.parent)

    def scaled_parts(self, deep: dict[int, str], scales: dict[str, tuple[float, float]]) -> Iterator[Tensor]:
        """Yield the D images in order, (n, C, H, W) uint8 each.

        Args:
            deep: {row: mode} of the images of more than 8 bits.
            scales: {mode: (black, white)}.
        """
        stored, size, row = self.table.column("values"), self.images.size, 0
        for part in in_parts(self.images):
            for pixels in part.numpy():
                if row in self.again:
                    pixels[:] = np.frombuffer(self.again[row].pixels, np.uint8).reshape(size)
                if row in deep:
                    values = self.again[row].values if row in self.again else stored[row].as_py()
                    pixels[:] = to_8_bits(np.frombuffer(values or b"", np.float32).reshape(size), *scales[deep[row]])
                row += 1
            yield part


def decode_images(rows: dict[str, Rows], size: int, channels: int) -> dict[str, tuple[Images, list[str | None]]]:
    """Decode the images of all splits into the cache, unless they are there.

    Equal pictures of a split are decoded once. Images of more than 8 bits are scaled by what all splits hold, see
    `value_range`. Warns of images of one colour, of values that are not finite, and of files of several pages.

    Args:
        rows: {split: Rows}, N samples each.
        size: height and width to resize to, pixels.
        channels: C, 1 for grey or 3 for RGB.

    Returns:
        {split: (N images, the problem with each, None where it decoded)}.
    """
    decoded = {split: decode_distinct(part.image, size, channels) for split, part in rows.items()}
    scales = value_scales(list(decoded.values()))
    images: dict[str, tuple[Images, list[str | None]]] = {}
    marked: dict[str, dict[str, np.ndarray]] = {"several_pages": {}, "not_finite": {}, "one_colour": {}}
    for split, distinct in decoded.items():
        index, scaled = distinct.index, distinct.scaled(scales)
        problems = distinct.column("problem")
        usable = np.array([problem is None for problem in problems], dtype=bool)
        marked["one_colour"][split] = (of_one_colour(scaled) & usable)[index]
        for name in ("several_pages", "not_finite"):
            marked[name][split] = distinct.column(name).astype(bool)[index]
        images[split] = scaled.take(index), list(problems[index])
    warn_of(rows, marked)
    return images


def of_one_colour(images: Images) -> np.ndarray:
    """Return which images have the same colour everywhere, (N,) bool."""
    found, first = np.empty(len(images), bool), 0  # one array: small ones between large ones would scatter memory
    for part in in_parts(images):
        found[first : first + len(part)] = (part == part[:, :, :1, :1]).flatten(1).all(1)
        first += len(part)
    return found


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
    folder, shape = Path(datasets.config.HF_DATASETS_CACHE) / "multimodal", (channels, size, size)
    file = folder / f"{name}.arrow"
    if len(distinct) == 0:
        return Distinct(FEATURES.arrow_schema.empty_table(), write_images([], shape, folder), {}, index)
    again: dict[int, Decoded] = {}
    cached = read_cached(file, len(distinct))
    if cached is None:
        folder.mkdir(parents=True, exist_ok=True)
        distinct.map(  # writes a temporary file and renames it, so two processes do not conflict
            decode_batch,
            batched=True,
            batch_size=MOST,
            writer_batch_size=MOST,
            fn_kwargs=settings,
            remove_columns=distinct.column_names,
            features=FEATURES,
            cache_file_name=str(file),
            load_from_cache_file=False,
            desc="decoding images",
        )
        cached = read_table(file)
    else:
        failed = np.flatnonzero(cached[1].column("problem").is_valid())
        again = {int(i): decode_one(distinct[int(i)]["image"], size, channels) for i in failed}
    mapped, table = cached
    return Distinct(table, Images(mapped, starts(mapped, table), shape), again, index)


def read_cached(file: Path, length: int) -> tuple[MappedFile, pa.Table] | None:
    """Read the images that an earlier run cached; None if the file is missing or does not have `length` rows."""
    if not file.exists():
        return None
    try:
        cached = read_table(file)
    except (OSError, ValueError):  # what Arrow raises for a truncated file
        return None
    return cached if len(cached[1]) == length else None


def read_table(file: Path) -> tuple[MappedFile, pa.Table]:
    """Map a file that `datasets` wrote, and return it and its table, which holds no copy of it."""
    mapped = MappedFile(file)
    return mapped, pa.ipc.open_stream(pa.py_buffer(mapped.content)).read_all()


def starts(mapped: MappedFile, table: pa.Table) -> np.ndarray:
    """Return at which byte of the file the pixels of each image begin, equal pixels at the same: (D,) int64."""
    parts = []
    for chunk in table.column("pixels").chunks:
        _, offsets, content = chunk.buffers()
        offset = np.frombuffer(offsets, np.int32)[chunk.offset :][: len(chunk)]
        parts.append(content.address - mapped.content.ctypes.data + offset)
    digests = np.array(table.column("digest").to_pylist(), dtype="V16")
    _, first, inverse = np.unique(digests, return_index=True, return_inverse=True)
    return np.concatenate(parts).astype(np.int64)[first[inverse]]


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
