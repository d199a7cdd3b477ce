"""One test sample given whole, without its caption and without its image: what the model makes of each."""

from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.offsetbox import OffsetBox
from torch import Tensor

from multimodal.dataset.data import Data
from multimodal.evaluation.predict import Predictions
from multimodal.evaluation.sampling import sample_evenly
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
)
from multimodal.figures.layout import MARGIN, QUIET, RIGHT, WRONG
from multimodal.types import CONDITIONS, MODALITIES

FEWEST, MOST = 6, 10  # rows
WIDTH, PAD, GAP = 13.0, 0.12, 0.25  # inches: the page, between parts, between columns
REAL, GIVEN = 2.3, 0.36  # inches: the real sample's width, the height of the strip that shows what is given
CELL = (WIDTH - 2 * MARGIN - REAL - 3 * GAP) / 3  # inches: a condition's width
# Points of a caption, inches of an image's side.
SIZES = ((9.5, 1.1), (8, 1.1), (9, 0.62), (8, 0.55), (6.5, 0.6))
ANSWER = "✓ right class, ✗ wrong class, with its probability"


class MaskedSample(NamedTuple):
    """A test sample and, under each condition, (K,) probabilities, the image drawn and the caption written."""

    image: Tensor
    caption: list[str]
    label: int
    probability: dict[str, Tensor]
    drawn: dict[str, Tensor]
    written: dict[str, list[str]]


def draw_masking(title: str, data: Data, predictions: Predictions, seed: int) -> Figure:
    """Draw a row for each class as far as the page allows, of few classes several; set as large as it allows."""
    most = max(FEWEST, min(MOST, len(data.class_names)))
    options = [(count, *size) for count in range(most, FEWEST - 1, -1) for size in SIZES]
    return first_that_fits(
        masking_page(title, masked_samples(data, predictions, count, seed), data.class_names, size, side)
        for count, size, side in options
    )


def masked_samples(data: Data, predictions: Predictions, count: int, seed: int) -> list[MaskedSample]:
    """Return at most `count` samples, spread over the classes."""
    test, words_of = data.splits["test"], data.vocabulary.words_of
    return [
        MaskedSample(
            image=test.image[row],
            caption=words_of(test.tokens[row : row + 1])[0],
            label=int(test.label[row]),
            probability={c: p[row] for c, p in predictions.probability.items()},
            drawn={c: image[row] for c, image in predictions.image.items()},
            written={c: words_of(tokens[row : row + 1])[0] for c, tokens in predictions.caption.items()},
        )
        for row in sample_evenly(test.label, count, seed)
    ]


def masking_page(title: str, samples: list[MaskedSample], names: list[str], size: float, side: float) -> Figure:
    """Draw headings over columns, then a row for each sample: captions of `size` points, images of `side` inches."""
    headings = [column_box([text_box("real test sample", 11.5, weight="bold")], 0, REAL)]
    headings += [column_box([text_box(f"given {c.title}", 11.5, weight="bold")], 0, CELL) for c in CONDITIONS.values()]
    rows: list[OffsetBox] = [row_box(headings, GAP)]
    for sample in samples:
        cells = [condition_box(sample, condition, names, size, side) for condition in CONDITIONS]
        rows += [rule_box(WIDTH - 2 * MARGIN), row_box([real_box(sample, names, size, side), *cells], GAP)]
    notes = row_box([legend_box(), text_box(ANSWER, 10.5, color=QUIET)], 0.5)
    return page_of(WIDTH, "What is missing, and what the model makes of it", title, [notes, column_box(rows, PAD)])


def real_box(sample: MaskedSample, names: list[str], size: float, side: float) -> OffsetBox:
    """Return the image, its class and its caption."""
    name = class_box(names[sample.label], REAL, size)
    caption = caption_box(sample.caption, sample.caption, REAL, size)
    return column_box([picture_box(sample.image, side), column_box([name, caption], 0.05)], 0.08)


def condition_box(sample: MaskedSample, condition: str, names: list[str], size: float, side: float) -> OffsetBox:
    """Return what is given, and beneath it what the model says."""
    width, answer = CELL - side - PAD, int(sample.probability[condition].argmax())
    mark, color = ("✓", RIGHT) if answer == sample.label else ("✗", WRONG)
    said = f"{mark} {names[answer]} {sample.probability[condition][answer]:.2f}"
    caption = caption_box(sample.written[condition], sample.caption, width, size)
    words = column_box([class_box(said, width, size, color=color), caption], 0.08)
    made = row_box([picture_box(sample.drawn[condition], side), words], PAD)
    return column_box([given_box(sample.image, CONDITIONS[condition].absent), made], PAD)


def given_box(image: Tensor, absent: tuple[str, ...]) -> OffsetBox:
    """Return the inputs in small; an absent one is hatched and named."""
    width = (CELL - PAD) / 2
    parts: list[OffsetBox] = []
    for modality, name in MODALITIES.items():
        if modality in absent:
            parts.append(frame_box(f"no {name}", width, GIVEN, 9.5, hatch="////", facecolor="white"))
        elif modality == "image":
            parts.append(row_box([picture_box(image, GIVEN), frame_box(name, width - GIVEN, GIVEN, 9.5)], 0))
        else:
            parts.append(frame_box(name, width, GIVEN, 9.5))
    return row_box(parts, PAD)
