"""Decode images to pixels once, cache them with `datasets`, and report the images that do not decode."""

from io import BytesIO
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from datasets import Dataset, Features, Value
from datasets.fingerprint import Hasher
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

SMALLEST = 4  # pixels a side
LARGEST = 50_000_000  # pixels; a photograph has 12 to 48 million
FEATURES = Features(pixels=Value("binary"), problem=Value("string"))


def decode_images(rows: Dataset, size: int, channels: int) -> tuple[Tensor, list[str | None]]:
    """Decode the column `image`, or read the pixels from the cache of `datasets`.

    The cache key is made of the fingerprint of the rows, the settings and this code. An incomplete cache file, which a
    killed process leaves, is replaced.

    Args:
        rows: N samples with a column `image`, encoded.
        size: height and width to resize to, pixels.
        channels: C, 1 for grey or 3 for RGB.

    Returns:
        Pixels (N, C, H, W) uint8, and the problem with each image, None where it decoded.
    """
    settings = {"size": size, "channels": channels}
    name = Hasher.hash((rows._fingerprint, Path(__file__).read_bytes(), settings))
    file = Path(datasets.config.HF_DATASETS_CACHE) / "multimodal" / f"{name}.arrow"
    if len(rows) == 0:
        return torch.empty((0, channels, size, size), dtype=torch.uint8), []
    cached = read_cached(file, len(rows))
    if cached is None:
        file.parent.mkdir(parents=True, exist_ok=True)
        cached = rows.map(  # writes a temporary file and renames it, so two processes do not conflict
            decode_batch,
            batched=True,
            fn_kwargs=settings,
            remove_columns=rows.column_names,
            features=FEATURES,
            cache_file_name=str(file),
            load_from_cache_file=False,
            desc="decoding images",
        )
    length = channels * size * size
    chunks = cached.data.column("pixels").chunks
    parts = [np.frombuffer(c.buffers()[2], np.uint8)[c.offset * length :][: len(c) * length] for c in chunks]
    pixels = torch.from_numpy(np.concatenate(parts)).view(len(rows), channels, size, size)
    return pixels, cached["problem"][:]


def read_cached(file: Path, length: int) -> Dataset | None:
    """Read the pixels that an earlier run cached; None if the file is missing or does not have `length` rows."""
    if not file.exists():
        return None
    try:
        cached = Dataset.from_file(str(file))
    except (OSError, ValueError):  # what Arrow raises for a truncated file
        return None
    return cached if len(cached) == length else None


def decode_batch(rows: dict[str, list[Any]], size: int, channels: int) -> dict[str, list[Any]]:
    """Decode a batch for `Dataset.map`.

    Returns:
        {"pixels": bytes of (C, size, size) uint8, black where an image has a problem; "problem": text or None}.
    """
    decoded = [decode_one(image, size, channels) for image in rows["image"]]
    return {"pixels": [pixels for pixels, _ in decoded], "problem": [problem for _, problem in decoded]}


def decode_one(image: dict[str, Any] | None, size: int, channels: int) -> tuple[bytes, str | None]:
    """Decode one image and resize it to `size` with antialiasing.

    Args:
        image: {"bytes", "path"}, one of which may be None, as `datasets` stores an encoded image; or None.
        size: height and width, pixels.
        channels: C, 1 for grey or 3 for RGB.

    Returns:
        Bytes of (C, size, size) uint8, black if there is a problem; and the problem, or None.
    """
    blank = bytes(channels * size * size)
    if image is None or (not image["bytes"] and not image["path"]):
        return blank, "image is missing" if image is None or image["bytes"] is None else "image has zero bytes"
    try:
        with Image.open(image["path"] if image["bytes"] is None else BytesIO(image["bytes"])) as opened:
            width, height = opened.size
            if min(width, height) < SMALLEST:
                return blank, f"image is too small: {width}x{height} pixels"
            if width * height > LARGEST:
                return blank, f"image is too large: {width}x{height} pixels"
            pixels = to_mode(opened, "L" if channels == 1 else "RGB")
            if pixels.size != (size, size):
                pixels = pixels.resize((size, size), Image.Resampling.BILINEAR)
            array = np.atleast_3d(np.asarray(pixels))  # decodes here, unless an earlier step has
    except Image.DecompressionBombError as error:
        return blank, f"image is too large: {error}"
    except UnidentifiedImageError:
        return blank, "image does not decode (not a format that Pillow can read)"
    except Exception as error:  # PIL can raise almost any exception on a broken file
        return blank, f"image does not decode ({type(error).__name__}: {str(error)[:80]})"
    return np.moveaxis(array, -1, 0).tobytes(), None


def to_mode(image: Image.Image, mode: str) -> Image.Image:
    """Convert to 8-bit grey ("L") or "RGB", rotated as EXIF says, transparent areas on white."""
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I"):  # 16 bits per pixel
        image = Image.fromarray((np.asarray(image).astype(np.int64).clip(0, 65535) // 257).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert(mode)
