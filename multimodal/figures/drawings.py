"""Several images drawn for one caption, by a model that draws at random."""

from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.offsetbox import OffsetBox

from multimodal.dataset.data import Data
from multimodal.evaluation.context import Drawings
from multimodal.evaluation.evaluator import Results
from multimodal.evaluation.sampling import sample_evenly
from multimodal.figures.boxes import (
    caption_box,
    column_box,
    first_that_fits,
    image_box,
    page_figure,
    row_box,
    rule_box,
    text_box,
)
from multimodal.figures.layout import QUIET, metric_text
from multimodal.number_text import decimal_text

PAD = 0.11  # inches between boxes
MOST = 12  # captions
NOTE = "Test captions, the real image of each, and what the model draws for the caption alone, each from another noise."


class Layout(NamedTuple):
    """Sizes of a page: side of an image and width of a caption in inches, font size in points."""

    side: float
    width: float
    size: float


LAYOUTS = [Layout(0.95, 2.6, 10), Layout(0.75, 3.4, 9), Layout(0.6, 4.5, 7.5)]  # the first that fits the page


def draw_drawings(title: str, data: Data, results: Results, drawings: Drawings, seed: int) -> Figure:
    """Draw a row for each of some test captions, spread over the classes: caption, real image, and drawings.

    Args:
        title: names dataset, source, fusion and seed.
        data: whose test captions were drawn.
        results: of the evaluation.
        drawings: several for each of some test samples.
        seed: of the choice of samples.
    """
    chosen = sample_evenly(data.splits["test"].content[drawings.rows], MOST, seed)
    lines = [NOTE]
    if "text_to_image/diversity" in results.metrics:
        value = metric_text(results, "text_to_image/diversity")
        real = results.baselines.get("same_caption_image", {}).get("text_to_image/ssim")
        beside = "" if real is None else f"; of two real images of one caption: {decimal_text(1 - real, 3)}"
        lines.append(f"Diversity, the mean of 1 − SSIM of two drawings for one caption: {value}{beside}.")
    return first_that_fits(rows_figure(title, lines, data, drawings, chosen, layout) for layout in LAYOUTS)


def rows_figure(
    title: str, lines: list[str], data: Data, drawings: Drawings, chosen: list[int], layout: Layout
) -> Figure:
    """Draw the rows at `chosen` of the drawings."""
    test, count = data.splits["test"], drawings.image.shape[1]
    rows = drawings.rows[chosen]
    captions = data.vocabulary.words_of(test.tokens[rows])
    boxes: list[OffsetBox] = [text_box(line, 10.5, color=QUIET) for line in lines]
    boxes.append(headings_box(count, layout))
    for i, row, words in zip(chosen, rows.tolist(), captions, strict=True):
        images = [image_box(image, layout.side) for image in (test.image[row], *drawings.image[i])]
        boxes.append(row_box([caption_box(words, layout.width, layout.size), *images], PAD))
    width = max(11.0, layout.width + (count + 1) * (layout.side + PAD) + 1)
    return page_figure(width, "Several drawings for one caption", title, [column_box(boxes, PAD)])


def headings_box(count: int, layout: Layout) -> OffsetBox:
    """Build the heads of the columns: caption, the real image, and `count` drawings under one head."""
    widths = {"caption": layout.width, "real": layout.side, "drawings": count * (layout.side + PAD) - PAD}
    heads = [
        column_box([text_box(name, layout.size, weight="bold"), rule_box(width, QUIET)], 0.05)
        for name, width in widths.items()
    ]
    return row_box(heads, PAD)
