"""Decode one image: what is no usable picture is named, more than 8 bits per channel are left to be scaled."""

import hashlib
import sys
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from multimodal.dataset.reading.value_range import black_and_white, to_8_bits

SMALLEST = 4  # pixels a side
DARK = 64  # of 255: Pillow reads the high byte alone, so data of 14 bits or fewer in a file of 16 is below
LARGEST = 50_000_000  # pixels; a photograph has 12 to 48 million
OTHER = "B" if sys.byteorder == "little" else "L"  # than this machine's byte order, N
OTHER_BYTE = {f"RGB;16{order}": f"RGB;16{other}" for order, other in (("B", "L"), ("L", "B"), ("N", OTHER))}


@dataclass
class Decoded:
    """One decoded image, as it is cached.

    Args:
        pixels: bytes of (C, size, size) uint8; black if there is a problem, or as long as `values` is not scaled.
        values: bytes of (C, size, size) float32 where the image has more than 8 bits per channel, else None.
        mode: Pillow's mode of such an image.
        low: smallest value of such an image.
        high: largest value.
        not_finite: whether some of its values are NaN or infinite.
        several_pages: whether the file holds more pages or frames than the one that was read.
        problem: why the image cannot be used, or None.
    """

    pixels: bytes
    values: bytes | None = None
    mode: str | None = None
    low: float | None = None
    high: float | None = None
    not_finite: bool = False
    several_pages: bool = False
    problem: str | None = None

    @property
    def digest(self) -> bytes:
        """Return a hash of the pixels."""
        return hashlib.blake2b(self.pixels, digest_size=16).digest()

    def range_alone(self) -> tuple[float, float] | None:
        """Return the black and white of an image that comes without others; None if it has 8 bits or fewer."""
        if self.mode is None or self.low is None or self.high is None:
            return None
        return black_and_white(self.mode, self.low, self.high)

    def scaled_alone(self) -> bytes:
        """Return the pixels of an image that comes without others: one of more than 8 bits by its own values."""
        limits = self.range_alone()
        if self.values is None or limits is None:
            return self.pixels
        return to_8_bits(np.frombuffer(self.values, np.float32), *limits).tobytes()


def decode_one(image: dict[str, Any] | None, size: int, channels: int) -> Decoded:
    """Decode one image and resize it to `size` with antialiasing.

    Args:
        image: {"bytes", "path"}, one of which may be None, as `datasets` stores an encoded image; or None.
        size: height and width, pixels.
        channels: C, 1 for grey or 3 for RGB.
    """
    try:
        return read_pixels(image, size, channels)
    except FileNotFoundError as error:
        problem = f"there is no file {error.filename}"
    except Image.DecompressionBombError as error:
        problem = f"image is too large: {error}"
    except UnicodeEncodeError as error:  # of a name
        problem = f"this process names files as {error.encoding}; set PYTHONUTF8=1, or LC_ALL to a locale of UTF-8"
    except UnidentifiedImageError:
        problem = "image does not decode (not a format that Pillow can read)"
    except UnusableImage as error:
        problem = str(error)
    except Exception as error:  # PIL can raise almost any exception on a broken file
        problem = f"image does not decode ({type(error).__name__}: {str(error)[:80]})"
    return Decoded(bytes(channels * size * size), problem=problem)


class UnusableImage(Exception):
    """Says why an image cannot be used, in the words of a report."""


def read_pixels(image: dict[str, Any] | None, size: int, channels: int) -> Decoded:
    """Decode one image.

    Raises:
        UnusableImage: the image is missing, empty, too small or too large, or has no finite value.
    """
    if image is None or (not image["bytes"] and not image["path"]):
        empty = image is not None and image["bytes"] is not None
        raise UnusableImage("image has zero bytes" if empty else "image is missing")
    with Image.open(file_of(image)) as opened:
        width, height = opened.size
        if min(width, height) < SMALLEST:
            raise UnusableImage(f"image is too small: {width}x{height} pixels")
        if width * height > LARGEST:
            raise UnusableImage(f"image is too large: {width}x{height} pixels")
        several = opened.format != "MPO" and getattr(opened, "is_animated", False)  # a telephone's MPO is one picture
        if raw_mode(opened).startswith(("RGBA;16", "LA;16")) and np.asarray(opened)[..., :-1].max() < DARK:
            raise UnusableImage("image has 16 bits and transparency and is nearly black: save it without transparency")
        if raw_mode(opened) in OTHER_BYTE:
            with Image.open(file_of(image)) as again:
                return read_values(colour_values(opened, again), "RGB;16", size, channels, several)
        if opened.mode == "F" or opened.mode.startswith("I"):
            mode = opened.mode.split(";")[0] + (";16" if ";" in opened.mode else "")
            ImageOps.exif_transpose(opened, in_place=True)
            return read_values(np.atleast_3d(np.asarray(opened)), mode, size, channels, several)
        pixels = to_mode(opened, "L" if channels == 1 else "RGB")
        if pixels.size != (size, size):
            pixels = pixels.resize((size, size), Image.Resampling.BILINEAR)
        array = np.atleast_3d(np.asarray(pixels))  # decodes here, unless an earlier step has
    return Decoded(np.moveaxis(array, -1, 0).tobytes(), several_pages=several)


def file_of(image: dict[str, Any]) -> str | BytesIO:
    """Return what Pillow opens: the embedded bytes, or the path."""
    return image["path"] if image["bytes"] is None else BytesIO(image["bytes"])


def raw_mode(image: ImageFile.ImageFile) -> str:
    """Return how the file stores the values, as Pillow names it, such as RGB;16B; empty if it does not say."""
    arguments = image.tile[0][3] if image.tile else ""
    mode = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return mode if isinstance(mode, str) else ""


def colour_values(opened: ImageFile.ImageFile, again: ImageFile.ImageFile) -> np.ndarray:
    """Read 16-bit colour: (H, W, 3) uint16, upright.

    Pillow keeps the high byte of each value, which is black for data of 8 bits in a file of 16. Read in the other byte
    order the same file gives the low byte.

    Args:
        opened: the file.
        again: the same file, opened again.
    """
    other = OTHER_BYTE[raw_mode(opened)]
    again.tile = [
        type(tile)(*tile[:3], (other, *tile[3][1:]) if isinstance(tile[3], tuple) else other) for tile in again.tile
    ]
    high, low = (np.asarray(ImageOps.exif_transpose(image)).astype(np.uint16) for image in (opened, again))
    return high * 256 + low


def read_values(values: np.ndarray, mode: str, size: int, channels: int, several_pages: bool) -> Decoded:
    """Resize an image of more than 8 bits, and leave its values unscaled.

    Args:
        values: (H, W, 1 or 3), of any number type; NaN and infinite values become the smallest finite one.
        mode: Pillow's mode.
        size: height and width, pixels.
        channels: C.
        several_pages: as in `Decoded`.

    Raises:
        UnusableImage: no value is finite.
    """
    finite = np.isfinite(values)
    if not finite.any():
        raise UnusableImage("image has no finite value")
    low, high = float(values[finite].min()), float(values[finite].max())
    values = np.where(finite, values, low).astype(np.float32)
    if channels == 1 and values.shape[2] == 3:
        values = values @ np.array([[0.299], [0.587], [0.114]], dtype=np.float32)  # luma of ITU-R 601, as Pillow's L
    planes = [Image.fromarray(np.ascontiguousarray(values[..., i])) for i in range(values.shape[2])]
    if planes[0].size != (size, size):
        planes = [plane.resize((size, size), Image.Resampling.BILINEAR) for plane in planes]
    planes = planes * channels if len(planes) < channels else planes
    return Decoded(
        pixels=bytes(channels * size * size),
        values=np.stack([np.asarray(plane) for plane in planes]).tobytes(),
        mode=mode,
        low=low,
        high=high,
        not_finite=not finite.all(),
        several_pages=several_pages,
    )


def to_mode(image: Image.Image, mode: str) -> Image.Image:
    """Convert an image of up to 8 bits to grey ("L") or "RGB", rotated as EXIF says, transparent areas on white."""
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "La":  # Pillow converts this to nothing else
        image = image.convert("LA")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert(mode)
