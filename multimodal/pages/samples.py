"""Test samples with what a run made of them, small enough for a page: `samples.parquet` in the run's folder."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from multimodal.io import read_parquet, write_parquet
from multimodal.pages.inline_images import as_webp
from multimodal.types import CONDITIONS

FILE = "samples.parquet"
COUNT = 200  # samples: a page of them has less than 3 MB
SIDE = 96  # pixels: larger pictures are scaled down
PICTURES = ("image", "drawn/text")  # columns of images, small and lossy
EXAMPLES = 6  # rows that have their image as the model reads it, too, for others to try
EXACT = "image/exact"  # its column
COLUMNS = {"index", "image", "caption", "class", *(f"{p}/{c}" for c in CONDITIONS for p in ("predicted", "correct"))}

Row = dict[str, Any]


def write_samples(rows: list[Row], folder: Path) -> list[Row]:
    """Write the samples into a run's folder, and return them as they are read from there.

    Args:
        rows: as `evaluation.sample_table` makes them; images are (H, W, C) uint8, None for one that was not drawn.
        folder: the run's.

    Returns:
        The rows, each image as the bytes of a WebP file; some have it in EXACT as those of a PNG file, the others None.
    """
    encoded = [{name: as_picture(value) if name in PICTURES else value for name, value in row.items()} for row in rows]
    step = -(-len(rows) // EXAMPLES)
    for i, row in enumerate(rows):
        encoded[i][EXACT] = as_png(row["image"]) if i % step == 0 else None
    if encoded:
        write_parquet({name: [row[name] for row in encoded] for name in encoded[0]}, folder / FILE)
    return encoded


def as_picture(pixels: np.ndarray | None) -> bytes | None:
    """Encode an image (H, W, C), grey or in colour, as WebP, scaled down if it is large."""
    if pixels is None:
        return None
    image = as_image(pixels).convert("RGB")
    image.thumbnail((SIDE, SIDE))
    return as_webp(image)


def as_png(pixels: np.ndarray) -> bytes:
    """Encode an image (H, W, C), grey or in colour, as PNG, which loses nothing."""
    file = BytesIO()
    as_image(pixels).save(file, "PNG")
    return file.getvalue()


def as_image(pixels: np.ndarray) -> Image.Image:
    """Return the image of an array (H, W, C), grey or in colour."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def read_samples(folder: Path) -> list[Row]:
    """Read the samples of a run's folder; an empty list if it has none.

    Raises:
        ValueError: the file is damaged or foreign; the message names it.
    """
    if not (folder / FILE).exists():
        return []
    rows = [{str(name): value for name, value in row.items()} for row in read_parquet(folder / FILE).to_dict("records")]
    for row in rows:
        if not row.keys() >= COLUMNS or not all(
            isinstance(row[name], bytes | None) for name in (*PICTURES, EXACT) if name in row
        ):
            raise ValueError(f"{folder / FILE} is not of this version")
    return rows
