"""Cross-modal generation: images generated from captions alone, captions from images alone."""

import textwrap
from collections.abc import Mapping
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
    image_box,
    legend_box,
    page_figure,
    row_box,
    rule_box,
    text_box,
    words_box,
)
from multimodal.figures.contradictions import contradicting_words
from multimodal.figures.layout import MARGIN, QUIET, metric_text
from multimodal.number_text import decimal_text
from multimodal.types import MODALITIES

# Inches: width of the page, space between columns of samples and between their parts.
WIDTH, GUTTER, PAD = 13.0, 0.4, 0.11
MAX_CLASSES = 20  # if there are more, an even subset is drawn
HEADINGS = ("real test sample", "generated")
PARTS = ("image", "caption", "image from caption", "image from both", "caption from image")


class Grid(NamedTuple):
    """Holds the layout of a page.

    Args:
        columns: number of columns of samples.
        side: side of an image in inches.
        size: font size of captions in points.
    """

    columns: int
    side: float
    size: float

    @property
    def sample_width(self) -> float:
        """Compute the width of a sample in inches."""
        return (WIDTH - 2 * MARGIN - GUTTER * (self.columns - 1)) / self.columns

    @property
    def caption_width(self) -> float:
        """Compute the width of a caption in inches."""
        return (self.sample_width - 3 * self.side - 4 * PAD) / 2


# The first that fits the page is used; later ones hold more classes or longer captions.
GRIDS = [Grid(2, 0.95, 10), Grid(2, 0.8, 9.5), Grid(2, 0.65, 9.5), Grid(2, 0.8, 8), Grid(3, 0.6, 8)]
GRIDS += [Grid(3, 0.55, 7), Grid(3, 0.45, 7), Grid(1, 0.62, 7.5), Grid(1, 0.62, 6.5)]


class GeneratedSample(NamedTuple):
    """Holds a test sample and what was generated from its caption, from its image and from both.

    Args:
        image: (C, H, W) real image.
        caption: words of the real caption.
        image_from_caption: (C, H, W) generated image, or why there is none.
        image_from_both: (C, H, W) reconstruction, or why there is none.
        caption_from_image: words of the generated caption, or why there is none.
        contradicting: whether each of these words contradicts the real caption.
    """

    image: Tensor
    caption: list[str]
    image_from_caption: Tensor | str
    image_from_both: Tensor | str
    caption_from_image: list[str] | str
    contradicting: list[bool]


Classes = dict[str, list[GeneratedSample]]


def draw_generation(title: str, data: Data, results: Results, samples: int, seed: int) -> Figure:
    """Draw real and generated images and captions, at least three samples of each pictured class.

    Args:
        title: names dataset, source, fusion and seed.
        data: samples are drawn from its test split.
        results: of the evaluation.
        samples: number of samples; at least three of each class are drawn.
        seed: of the choice of samples.
    """
    classes = choose_generated_samples(data, results, samples, seed)
    total = len(data.splits["test"].content.unique())
    count = sum(map(len, classes.values()))
    part = f"; {count} samples of {len(classes)} of {total} classes" if len(classes) < total else ""
    lines = [judge_text(results), *floor_text(results)]
    return first_that_fits(grid_figure(title + part, lines, grid, classes) for grid in GRIDS)


def judge_text(results: Results) -> str:
    """Format the judges' accuracy on generated and on real images and captions."""
    images = judged_text(results, "images from captions", "text_to_image", "accuracy")
    captions = judged_text(results, "captions from images", "image_to_text", "caption_accuracy")
    return f"Accuracy of the judges: {images}; {captions}."


def judged_text(results: Results, generated: str, direction: str, judge: str) -> str:
    """Format a judge's accuracy on what is generated and on what is real, or why it does not judge."""
    kind = generated.partition(" ")[0]
    reason = results.undefined.get(f"judge/{judge}")
    if reason:
        return f"{kind} are not judged: {reason}"
    value, real = metric_text(results, f"{direction}/class_coherence"), metric_text(results, f"judge/{judge}")
    return f"{generated} {value}, real {kind} {real}"


def floor_text(results: Results) -> list[str]:
    """Format what images from captions score, and below it what real images do; no line for what was not measured."""
    names = {"attribute_accuracy": "attribute accuracy", "ssim": "SSIM", "kid": "kernel distance"}
    same, halves = (results.baselines.get(row, {}) for row in ("same_caption_image", "real_halves"))
    generated = named_scores("Images from captions", results.metrics, names)
    another = named_scores("another real image with the same caption", same, names)
    apart = named_scores("two halves of the real images", halves, names)
    real = "; ".join(text for text in (another, apart) if text)
    return [f"{text[0].upper()}{text[1:]}." for text in (generated, real) if text]


def named_scores(row: str, scores: Mapping[str, float | None], names: dict[str, str]) -> str:
    """Format the scores of a row, {score: its name}; empty if none is defined."""
    values = {name: scores.get(f"text_to_image/{key}") for key, name in names.items()}
    text = ", ".join(f"{name} {decimal_text(value, 3)}" for name, value in values.items() if value is not None)
    return f"{row}: {text}" if text else ""


def choose_generated_samples(data: Data, results: Results, samples: int, seed: int) -> Classes:
    """Choose samples by class, the same for every run on the same data: -> {class: samples}."""
    test, predictions = data.splits["test"], results.predictions
    rows = sample_per_class(test.content, max(3, samples // len(data.class_names)), seed)
    step = max(1.0, len(rows) / MAX_CLASSES)
    classes = [list(rows)[int(i * step)] for i in range(min(MAX_CLASSES, len(rows)))]
    captions, draws, writes = data.vocabulary.words_of(test.tokens), bool(predictions.image), bool(predictions.caption)
    generated = data.vocabulary.words_of(predictions.caption["image"]) if writes else [[]] * len(test)
    unread = {m: "" if m in results.reads else f"does not read {name}s" for m, name in MODALITIES.items()}  # a control
    no_drawing, no_caption = "" if draws else "no image head", "" if writes else "no text head"
    return {
        data.class_names[k]: [
            GeneratedSample(
                image=test.image[row],
                caption=captions[row],
                image_from_caption=no_drawing or unread["text"] or predictions.image["text"][row],
                image_from_both=no_drawing or unread["image"] or predictions.image["both"][row],
                caption_from_image=no_caption or unread["image"] or generated[row],
                contradicting=contradicting_words(
                    generated[row], captions[row], data.class_names[k], data.class_names, data.grammar
                ),
            )
            for row in rows[k]
        ]
        for k in classes
    }


def grid_figure(title: str, lines: list[str], grid: Grid, classes: Classes) -> Figure:
    """Draw the classes in order, split evenly over the columns."""
    columns = np.array_split(list(classes), min(grid.columns, len(classes)))
    boxes = [grid_column(grid, {name: classes[name] for name in names}) for names in columns]
    notes = [*(text_box(line, 10.5, color=QUIET) for line in lines), legend_box()]
    return page_figure(WIDTH, "Cross-modal generation", title, [*notes, row_box(boxes, GUTTER)])


def grid_column(grid: Grid, classes: Classes) -> OffsetBox:
    """Build one column: headings, then the name of each class and one row per sample."""
    rows = [headings_box(grid)]
    for name, samples in classes.items():
        head = column_box([class_box(name, grid.sample_width, grid.size), rule_box(grid.sample_width)], 0.05)
        rows.append(column_box([head, *(sample_box(grid, sample) for sample in samples)], PAD))
    return column_box(rows, 1.5 * PAD)


def headings_box(grid: Grid) -> OffsetBox:
    """Build the headings: real and generated, and the names of the four parts."""
    size, widths = min(grid.size, 9), (grid.side, grid.caption_width, grid.side, grid.side, grid.caption_width)
    parts = (widths[0] + PAD + widths[1], sum(widths[2:]) + 2 * PAD)
    halves = [
        column_box([text_box(name, size, weight="bold"), rule_box(width, QUIET)], 0.05)
        for name, width in zip(HEADINGS, parts, strict=True)
    ]
    names = [words_box(name.split(), width, size - 1, color=QUIET) for name, width in zip(PARTS, widths, strict=True)]
    return column_box([row_box(halves, PAD), row_box(names, PAD)], 0.05)


def sample_box(grid: Grid, sample: GeneratedSample) -> OffsetBox:
    """Build one sample: the real image and caption, then the generated ones."""
    if isinstance(sample.caption_from_image, str):
        caption = words_box(sample.caption_from_image.split(), grid.caption_width, grid.size, color=QUIET)
    else:
        caption = caption_box(sample.caption_from_image, grid.caption_width, grid.size, sample.contradicting)
    real_caption = caption_box(sample.caption, grid.caption_width, grid.size)
    drawn = [generated_box(grid, image) for image in (sample.image_from_caption, sample.image_from_both)]
    return row_box([image_box(sample.image, grid.side), real_caption, *drawn, caption], PAD)


def generated_box(grid: Grid, image: Tensor | str) -> OffsetBox:
    """Build a generated image; without one, say why."""
    if isinstance(image, str):
        return frame_box(textwrap.fill(image, 8), grid.side, grid.side, min(9.0, 11 * grid.side))
    return image_box(image, grid.side)
