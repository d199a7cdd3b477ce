"""What the models are given: of the page's values those that are there and not ticked as missing."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from multimodal.api import as_file

PHOTO, DRAWING = "photo", "drawing"  # the two ways to give an image


def given_inputs(source: str, file: str | None, drawing: Any, text: str, missing: Sequence[str]) -> dict[str, Any]:
    """Return what the models are given: {"text": caption, "image": its file in memory}, or less.

    Args:
        source: which image is meant, PHOTO or DRAWING.
        file: path of an image file.
        drawing: of `gr.ImageEditor`; an empty canvas is no image.
        text: the caption; blank is none.
        missing: modalities that are left out.
    """
    given: dict[str, Any] = {}
    if text and text.strip():
        given["text"] = text
    if source == PHOTO and file is not None:
        given["image"] = BytesIO(Path(file).read_bytes())
    drawn = drawing["composite"] if source == DRAWING and drawing is not None else None
    if drawn is not None and drawn.getcolors(1) is None:  # None stands for more than one color
        given["image"] = as_file(drawn)
    return {name: value for name, value in given.items() if name not in missing}
