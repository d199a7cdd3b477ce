"""Cross-modal generation: the image from the caption alone, the caption from the image alone."""

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.offsetbox import OffsetBox
from torch import Tensor

from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.evaluation.sampling import sample_per_class
from multimodal.figures.boxes import (
    caption_box,
    class_box,
    column_box,
    first_that_fits,
    frame_box,
    legend_box,
    page_of,
    picture_box,
    row_box,
    rule_box,
    text_box,
    words_box,
)
from multimodal.figures.layout import MARGIN, QUIET, metric_text

WIDTH, GUTTER, PAD = 13.0, 0.4, 0.11  # inches: the page, between columns of samples, between their parts
MOST = 20  # classes; of more, so many evenly apart
HEADINGS = ("real test sample", "made from the other alone")
PARTS = ("image", "caption", "image from caption", "caption from image")


class Grid(NamedTuple):
    """Columns of samples, inches of an image's side, points of a caption."""

    columns: int
    side: float
    size: float

    @property
    def sample(self) -> float:
        """Inches of a sample's width."""
        return (WIDTH - 2 * MARGIN - GUTTER * (self.columns - 1)) / self.columns

    @property
    def caption(self) -> float:
        """Inches of a caption's width."""
        return (self.sample - 2 * self.side - 3 * PAD) / 2


# The first that fits the page is taken: few classes, more of them, many, long captions.
GRIDS = [Grid(2, 1.2, 10), Grid(2, 0.9, 9.5), Grid(2, 0.7, 9.5), Grid(2, 0.9, 8), Grid(3, 0.75, 8)]
GRIDS += [Grid(3, 0.62, 7), Grid(3, 0.48, 7), Grid(1, 0.62, 7.5), Grid(1, 0.62, 6.5)]


class GeneratedSample(NamedTuple):
    """A test sample and what was made of its caption and of its image; None by a fusion that does not read it."""

    image: Tensor
    caption: list[str]
    drawn: Tensor | None
    written: list[str] | None


Classes = dict[str, list[GeneratedSample]]


def draw_generation(title: str, data: Data, results: Results, samples: int, seed: int) -> Figure:
    """Draw at least three samples of each pictured class; as tall as it must be where no grid fits the page."""
    classes = generated_samples(data, results, samples, seed)
    total = len(data.splits["test"].content.unique())
    shown = sum(map(len, classes.values()))
    part = f"; {shown} samples of {len(classes)} of {total} classes" if len(classes) < total else ""
    return first_that_fits(grid_figure(title + part, coherence_note(results), grid, classes) for grid in GRIDS)


def coherence_note(results: Results) -> str:
    """Say how often a judge sees or reads the right class in what was generated, and how often in what is real."""
    image, text = (metric_text(results, f"{task}/class_coherence") for task in ("text_to_image", "image_to_text"))
    real_image, real_text = (metric_text(results, f"judge/{name}") for name in ("accuracy", "caption_accuracy"))
    seen = f"Right class seen by the judge: images from captions {image}, real images {real_image}; "
    unjudged = results.undefined.get("judge/caption_accuracy")
    if unjudged:
        return f"{seen}no captions are judged: {unjudged}."
    return f"{seen}read by the judge: captions from images {text}, real captions {real_text}."


def generated_samples(data: Data, results: Results, samples: int, seed: int) -> Classes:
    """Return {class: samples}, the same for every run on the same data."""
    test, predictions = data.splits["test"], results.predictions
    found = sample_per_class(test.content, max(3, samples // len(data.class_names)), seed)
    step = max(1.0, len(found) / MOST)
    chosen = [list(found)[int(i * step)] for i in range(min(MOST, len(found)))]
    captions = data.vocabulary.words_of(test.tokens)
    written = data.vocabulary.words_of(predictions.caption["image"])
    draws, writes = ("text" in results.reads, "image" in results.reads)  # a control reads one of them
    return {
        data.class_names[k]: [
            GeneratedSample(
                image=test.image[row],
                caption=captions[row],
                drawn=predictions.image["text"][row] if draws else None,
                written=written[row] if writes else None,
            )
            for row in found[k]
        ]
        for k in chosen
    }


def grid_figure(title: str, note: str, grid: Grid, classes: Classes) -> Figure:
    """Draw the classes in order, as many in each column."""
    columns = np.array_split(list(classes), min(grid.columns, len(classes)))
    boxes = [grid_column(grid, {name: classes[name] for name in names}) for names in columns]
    notes = [text_box(note, 10.5, color=QUIET), legend_box()]
    return page_of(WIDTH, "Cross-modal generation", title, [*notes, row_box(boxes, GUTTER)])


def grid_column(grid: Grid, classes: Classes) -> OffsetBox:
    """Return headings, then each class with its name and a row for each sample."""
    rows = [headings_box(grid)]
    for name, samples in classes.items():
        head = column_box([class_box(name, grid.sample, grid.size), rule_box(grid.sample)], 0.05)
        rows.append(column_box([head, *(sample_box(grid, sample) for sample in samples)], PAD))
    return column_box(rows, 1.5 * PAD)


def headings_box(grid: Grid) -> OffsetBox:
    """Say what is real and what is generated, and what each of the four parts shows."""
    half, size = grid.side + PAD + grid.caption, min(grid.size, 9)
    halves = [column_box([text_box(name, size, weight="bold"), rule_box(half, QUIET)], 0.05) for name in HEADINGS]
    widths = (grid.side, grid.caption) * 2
    parts = [words_box(name.split(), width, size - 1, color=QUIET) for name, width in zip(PARTS, widths, strict=True)]
    return column_box([row_box(halves, PAD), row_box(parts, PAD)], 0.05)


def sample_box(grid: Grid, sample: GeneratedSample) -> OffsetBox:
    """Return the real image and caption, then the generated ones."""
    drawn: OffsetBox
    if sample.drawn is None:
        drawn = frame_box("does not\nread\ncaptions", grid.side, grid.side, min(9.0, 11 * grid.side))
    else:
        drawn = picture_box(sample.drawn, grid.side)
    if sample.written is None:
        written = words_box(["does", "not", "read", "images"], grid.caption, grid.size, color=QUIET)
    else:
        written = caption_box(sample.written, sample.caption, grid.caption, grid.size)
    caption = caption_box(sample.caption, sample.caption, grid.caption, grid.size)
    return row_box([picture_box(sample.image, grid.side), caption, drawn, written], PAD)
