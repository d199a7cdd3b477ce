"""Images of more than 8 bits keep their grey levels, whatever scale their values have."""

import io
import logging
import struct
import zlib

import datasets
import numpy as np
import pytest
import tifffile
import torch
from datasets import Dataset
from PIL import Image

from multimodal.dataset.reading.decoding import decode_one
from multimodal.dataset.reading.images import decode_images
from multimodal.dataset.reading.rows import Rows
from multimodal.dataset.reading.value_range import black_and_white
from tests.helpers.datasets import encoded, square

SHADES = np.linspace(0, 1, 64).reshape(8, 8)  # 0 is black, 1 is white
LEVELS = torch.tensor(SHADES * 255)


def split(*contents: bytes, name: str = "train") -> Rows:
    """Rows that hold these files."""
    images = Dataset.from_dict({"image": [{"bytes": content, "path": None} for content in contents]})
    numbers = np.arange(len(contents))
    return Rows(
        name, numbers, images.cast_column("image", datasets.Image(decode=False)), numbers, ["a"] * len(contents)
    )


def pixels(*contents: bytes, channels: int = 1) -> torch.Tensor:
    """(N, C, 8, 8) as decoded, without a problem."""
    images, problems = decode_images({"train": split(*contents)}, 8, channels)["train"]
    assert problems == [None] * len(contents)
    return images[:]


def grey(values: np.ndarray, kind: str) -> bytes:
    """A file of these values: PNG for 16 bits, else TIFF."""
    return encoded(Image.fromarray(values.astype(kind)), "PNG" if kind == "u2" else "TIFF")


def png_16(values: np.ndarray) -> bytes:
    """A PNG of 16-bit colour, (H, W, 3): Pillow does not write it."""
    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0),
        b"IDAT": zlib.compress(rows),
        b"IEND": b"",
    }
    parts = [struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks.items()]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff_16(values: np.ndarray, order: str) -> bytes:
    """A TIFF of 16-bit colour in this byte order."""
    file = io.BytesIO()
    tifffile.imwrite(file, values.astype(f"{order}u2"), byteorder=order, photometric="rgb")
    return file.getvalue()


GREY = {
    "float 0 to 1": (SHADES, "f4"),
    "float 0 to 255": (SHADES * 255, "f4"),
    "float 0 to 65535": (SHADES * 65535, "f4"),
    "float -1 to 1": (SHADES * 2 - 1, "f4"),
    "float 0 to 12": (SHADES * 12, "f4"),
    "float -3 to 5": (SHADES * 8 - 3, "f4"),
    "int32 0 to 255": (SHADES * 255, "i4"),
    "int32 0 to 65535": (SHADES * 65535, "i4"),
    "int32 0 to 10000000": (SHADES * 1e7, "i4"),
    "int32 -1000 to 3000": (SHADES * 4000 - 1000, "i4"),
    "8 of 16 bits": (SHADES * 255, "u2"),
    "10 of 16 bits": (SHADES * 1023, "u2"),
    "12 of 16 bits": (SHADES * 4095, "u2"),
    "16 bits": (SHADES * 65535, "u2"),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("case", GREY)
def test_black_is_black_white_is_white_and_all_levels_between_are_kept(case, channels):
    values, kind = GREY[case]
    shown = pixels(grey(values, kind), channels=channels)
    assert (shown - LEVELS).abs().max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("white", [255, 4095, 65535])
def test_16_bit_colour_keeps_its_low_bits(white, channels):
    colour = np.stack([SHADES, SHADES[::-1], SHADES.T], axis=-1)
    values = np.rint(colour * white).astype(np.uint16)
    expected = torch.tensor(colour).permute(2, 0, 1) * 255
    if channels == 1:
        expected = torch.einsum("chw,c->hw", expected, torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64))
    for content in (png_16(values), tiff_16(values, ">"), tiff_16(values, "<")):
        assert (pixels(content, channels=channels)[0] - expected).abs().max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK"])
def test_up_to_8_bits_stay_as_they_are(mode):
    dark = Image.fromarray(np.where(SHADES > 0.5, 90, 20).astype(np.uint8))
    image = dark.point(lambda value: 255 * (value > 50)) if mode == "1" else dark
    shown = pixels(encoded(image.convert(mode), "TIFF"))
    assert (shown[0, 0] - torch.tensor(np.array(image)).float()).abs().max() <= 1


def test_a_dark_image_is_scaled_as_the_others_of_all_splits():
    dark, bright = grey(SHADES * 200, "u2"), grey(SHADES * 4000, "u2")
    decoded = decode_images({"train": split(dark), "test": split(bright, name="test")}, 8, 1)
    assert (decoded["train"][0][:] - torch.tensor(SHADES * 200 / 4095 * 255)).abs().max() <= 1
    assert (decoded["test"][0][:] - torch.tensor(SHADES * 4000 / 4095 * 255)).abs().max() <= 1


@pytest.mark.parametrize("case", GREY)
def test_an_image_that_comes_alone_is_scaled_by_its_own_values(case):
    values, kind = GREY[case]
    shown = decode_one({"bytes": grey(values, kind), "path": None}, 8, 1).scaled_alone()
    assert np.abs(np.frombuffer(shown, np.uint8).reshape(8, 8) - SHADES * 255).max() <= 1
    assert decode_one({"bytes": square(7), "path": None}, 8, 1).scaled_alone() == bytes([7] * 64)


def test_modes_are_scaled_apart():
    shown = pixels(grey(SHADES, "f4"), grey(SHADES * 4095, "u2"), grey(SHADES * 255, "i4"), square(7))
    assert (shown[:3, 0] - LEVELS).abs().max() <= 1
    assert (shown[3] == 7).all()


@pytest.mark.parametrize(
    ("mode", "low", "high", "expected"),
    [
        ("F", -0.03, 1.04, (0, 1)),
        ("F", 0.0, 0.0, (0, 1)),
        ("F", 0.0, 60.0, (0, 60.0)),
        ("F", 0.0, 70.0, (0, 255)),
        ("F", -0.9, 0.2, (-1, 1)),
        ("F", -5.0, -5.0, (-5.0, -4.0)),
        ("F", -200.0, -100.0, (-200.0, -100.0)),
        ("I", 0, 0, (0, 255)),
        ("I;16", 0, 256, (0, 1023)),
        ("I", -1, 255, (-1, 255)),
    ],
)
def test_black_and_white_of_a_range(mode, low, high, expected):
    assert black_and_white(mode, low, high) == expected


def test_what_is_not_finite_is_dark_counted_and_said(caplog):
    values = SHADES.astype("f4")
    holes = values.copy()
    holes[0, 1], holes[3, 3] = np.nan, np.inf
    shown = pixels(grey(values, "f4"), grey(holes, "f4"))
    expected = LEVELS.clone()
    expected[0, 1] = expected[3, 3] = 0
    assert (shown[0] - LEVELS).abs().max() <= 1
    assert (shown[1] - expected).abs().max() <= 1
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert line.startswith("1 image with NaN or infinite values")
    assert line.endswith("train row 1")


def test_an_image_without_a_finite_value_is_a_problem():
    images = split(grey(np.full((8, 8), np.nan), "f4"))
    assert decode_images({"train": images}, 8, 1)["train"][1] == ["image has no finite value"]


def test_images_of_one_colour_are_counted_and_the_first_are_named(caplog):
    shades = encoded(Image.fromarray((SHADES * 255).astype(np.uint8)))
    with caplog.at_level(logging.WARNING, logger="multimodal"):
        decode_images(
            {"train": split(shades, *[square(i) for i in range(12)]), "test": split(square(3), name="test")}, 8, 1
        )
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("13 images of one colour")
    assert line.endswith("train rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 3 more")


@pytest.mark.parametrize("form", ["TIFF", "GIF", "PNG", "WEBP"])
def test_of_several_pages_the_first_is_read_and_that_is_said(form, caplog):
    pages = [Image.fromarray((SHADES * 255).astype(np.uint8)), Image.new("L", (8, 8), 255), Image.new("L", (8, 8), 9)]
    settings = {"lossless": True} if form == "WEBP" else {}
    shown = pixels(encoded(pages[0], form, save_all=True, append_images=pages[1:], **settings), encoded(pages[0], form))
    assert (shown - LEVELS).abs().max() <= 5  # WebP keeps several pages in colour
    (line,) = [record.getMessage() for record in caplog.records]
    assert "1 image" in line
    assert "several pages or frames" in line
    assert line.endswith("train row 0")
