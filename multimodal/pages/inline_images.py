"""Figures embedded in an HTML page: WebP images in data URIs, scaled to the size of their display."""

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

QUALITY = 85  # WebP quality: captions stay legible, a grid of samples takes 100 to 200 kB
METHOD = 2  # WebP effort: half the time of the usual 4, for files that are 4 % larger


@dataclass(frozen=True)
class InlineImage:
    """An image as a data URI.

    Args:
        uri: its data.
        title: its caption.
        alt: its description.
        width: pixels.
        height: pixels.
        plot: whether it is a drawn plot, whose colours a dark page may invert.
    """

    uri: str
    title: str
    alt: str
    width: int
    height: int
    plot: bool


def inline_file(path: Path, title: str, alt: str, widest: int) -> InlineImage:
    """Read a figure that a run saved, and scale it to at most `widest` pixels."""
    with Image.open(path) as image:
        return encode_image(image, title, alt, widest, plot=False)


def inline_figure(figure: Figure, title: str, alt: str, widest: int) -> InlineImage:
    """Render a figure, and scale it to at most `widest` pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return encode_image(Image.fromarray(np.asarray(canvas.buffer_rgba())), title, alt, widest, plot=True)


def encode_image(image: Image.Image, title: str, alt: str, widest: int, plot: bool) -> InlineImage:
    """Encode an image, scaled down if it is too wide."""
    pixels = image.convert("RGB")
    pixels.thumbnail((widest, 4 * widest))
    return InlineImage(data_uri(as_webp(pixels)), title, alt, pixels.width, pixels.height, plot)


def as_webp(image: Image.Image) -> bytes:
    """Encode an image as WebP."""
    data = BytesIO()
    image.save(data, format="webp", quality=QUALITY, method=METHOD)
    return data.getvalue()


def data_uri(webp: bytes) -> str:
    """Return the address that contains a WebP image."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"
