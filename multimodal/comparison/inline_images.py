"""Figures as they stand in a page that is one file: WebP in data URIs, no larger than they are looked at."""

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

QUALITY = 85  # of WebP: captions stay legible, a grid of samples takes 100 to 200 kB


@dataclass(frozen=True)
class InlineImage:
    """An image: `alt` says in words what it shows, `title` stands above it; width and height in pixels."""

    uri: str
    title: str
    alt: str
    width: int
    height: int


def inline_file(path: Path, title: str, alt: str, widest: int) -> InlineImage:
    """Read a figure that a run has drawn, and scale it to at most `widest` pixels."""
    with Image.open(path) as image:
        return inlined(image, title, alt, widest)


def inline_figure(figure: Figure, title: str, alt: str, widest: int) -> InlineImage:
    """Render a figure of the page."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return inlined(Image.fromarray(np.asarray(canvas.buffer_rgba())), title, alt, widest)


def inlined(image: Image.Image, title: str, alt: str, widest: int) -> InlineImage:
    """Encode an image, scaled down, never up."""
    pixels = image.convert("RGB")
    pixels.thumbnail((widest, 4 * widest))
    data = BytesIO()
    pixels.save(data, format="webp", quality=QUALITY)
    text = base64.b64encode(data.getvalue()).decode()
    return InlineImage(f"data:image/webp;base64,{text}", title, alt, pixels.width, pixels.height)
