"""Encoded images to pixels in memory: decoded once, kept in the cache of `datasets`, what does not decode named."""

from io import BytesIO
from pathlib import Path

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
    """Column `image` -> (N, C, H, W) uint8, and what is wrong with each image, None where nothing is.

    The pixels are kept in the cache of `datasets`, by the fingerprint of the rows and this code; a file that
    a killed process left unfinished is made again.
    """
    settings = {"size": size, "channels": channels}
    name = Hasher.hash((rows._fingerprint, Path(__file__).read_bytes(), settings))
    file = Path(datasets.config.HF_DATASETS_CACHE) / "multimodal" / f"{name}.arrow"
    if len(rows) == 0:
        return torch.empty((0, channels, size, size), dtype=torch.uint8), []
    kept = read_kept(file, len(rows))
    if kept is None:
        file.parent.mkdir(parents=True, exist_ok=True)
        kept = rows.map(  # writes to a temporary file and renames it: two processes do no harm to each other
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
    chunks = kept.data.column("pixels").chunks
    parts = [np.frombuffer(c.buffers()[2], np.uint8)[c.offset * length :][: len(c) * length] for c in chunks]
    pixels = torch.from_numpy(np.concatenate(parts)).view(len(rows), channels, size, size)
    return pixels, kept["problem"][:]


def read_kept(file: Path, length: int) -> Dataset | None:
    """An earlier run's pixels; None if there are none or not all of them."""
    if not file.exists():
        return None
    try:
        kept = Dataset.from_file(str(file))
    except (OSError, ValueError):  # Arrow's word for a file cut short
        return None
    return kept if len(kept) == length else None


def decode_batch(rows: dict[str, list], size: int, channels: int) -> dict[str, list]:
    """Encoded images -> bytes of (C, size, size) uint8, black where an image has a problem."""
    decoded = [decode_one(image, size, channels) for image in rows["image"]]
    return {"pixels": [pixels for pixels, _ in decoded], "problem": [problem for _, problem in decoded]}


def decode_one(image: dict | None, size: int, channels: int) -> tuple[bytes, str | None]:
    """(pixels, problem) of one image, antialiased to `size`."""
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
            array = np.atleast_3d(np.asarray(pixels))  # decodes, if nothing before did
    except Image.DecompressionBombError as error:
        return blank, f"image is too large: {error}"
    except UnidentifiedImageError:
        return blank, "image does not decode (no format that Pillow knows)"
    except Exception as error:  # a broken file makes PIL raise nearly anything
        return blank, f"image does not decode ({type(error).__name__}: {str(error)[:80]})"
    return np.moveaxis(array, -1, 0).tobytes(), None


def to_mode(image: Image.Image, mode: str) -> Image.Image:
    """Grey or RGB of 8 bits, upright as its EXIF says, on white where it is transparent."""
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I"):  # 16 bits a pixel
        image = Image.fromarray((np.asarray(image).astype(np.int64).clip(0, 65535) // 257).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert(mode)
