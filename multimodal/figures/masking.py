"""Predictions with missing modalities: the same test samples with both modalities and with each alone."""

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
    image_box,
    legend_box,
    page_figure,
    row_box,
    rule_box,
    text_box,
)
from multimodal.figures.contradictions import contradicting_words
from multimodal.figures.layout import MARGIN, QUIET, RIGHT, WRONG
from multimodal.types import CONDITIONS, MODALITIES

MIN_ROWS, MAX_ROWS = 6, 10  # samples
WIDTH, PAD, GAP = 13.0, 0.12, 0.25  # inches: width of the page, space between parts and between columns
REAL, GIVEN = 2.3, 0.36  # inches: width of the real sample, height of the strip with the inputs
COLUMN = (WIDTH - 2 * MARGIN - REAL - 3 * GAP) / 3  # inches: width of a condition
# Font size of captions in points, side of an image in inches; the first that fits the page is used.
SIZES = ((9.5, 1.1), (8, 1.1), (9, 0.62), (8, 0.55), (6.5, 0.6))
CLASS_LEGEND = "✓ correct class, ✗ wrong class, with its probability"


class MaskedSample(NamedTuple):
    """Holds a test sample and the predictions for it.

    Args:
        image: (C, H, W) real image.
        caption: words of the real caption.
        label: true class.
        probability: {condition: (K,) class probabilities}.
        generated_image: {condition: (C, H, W)}; empty if the task makes them meaningless or the model makes none.
        generated_caption: {condition: words}; empty if the task makes them meaningless or the model makes none.
        contradicting: {condition: whether each of these words contradicts the real caption}.
    """

    image: Tensor
    caption: list[str]
    label: int
    probability: dict[str, Tensor]
    generated_image: dict[str, Tensor]
    generated_caption: dict[str, list[str]]
    contradicting: dict[str, list[bool]]


def draw_masking(title: str, data: Data, predictions: Predictions, seed: int) -> Figure:
    """Draw six to ten samples, spread over the classes, as many and as large as fit the page."""
    most = max(MIN_ROWS, min(MAX_ROWS, len(data.class_names)))
    options = [(count, *size) for count in range(most, MIN_ROWS - 1, -1) for size in SIZES]
    return first_that_fits(
        masking_page(title, choose_masked_samples(data, predictions, count, seed), data.class_names, size, side)
        for count, size, side in options
    )


def choose_masked_samples(data: Data, predictions: Predictions, count: int, seed: int) -> list[MaskedSample]:
    """Choose at most `count` samples, spread over the classes, the same for every run on the same data."""
    test, words_of = data.splits["test"], data.vocabulary.words_of
    images = {} if "text_to_image" in data.undefined else predictions.image
    captions = {} if "image_to_text" in data.undefined else predictions.caption
    samples = []
    for row in sample_evenly(test.label, count, seed):
        caption, content = words_of(test.tokens[row : row + 1])[0], data.class_names[int(test.content[row])]
        generated = {c: words_of(tokens[row : row + 1])[0] for c, tokens in captions.items()}
        samples.append(
            MaskedSample(
                image=test.image[row],
                caption=caption,
                label=int(test.label[row]),
                probability={c: p[row] for c, p in predictions.probability.items()},
                generated_image={c: image[row] for c, image in images.items()},
                generated_caption=generated,
                contradicting={
                    c: contradicting_words(words, caption, content, data.class_names, data.grammar)
                    for c, words in generated.items()
                },
            )
        )
    return samples


def masking_page(title: str, samples: list[MaskedSample], names: list[str], size: float, side: float) -> Figure:
    """Draw column headings, then one row per sample: captions of `size` points, images of `side` inches."""
    headings = [column_box([text_box("real test sample", 11.5, weight="bold")], 0, REAL)]
    headings += [
        column_box([text_box(f"given {c.title}", 11.5, weight="bold")], 0, COLUMN) for c in CONDITIONS.values()
    ]
    rows: list[OffsetBox] = [row_box(headings, GAP)]
    for sample in samples:
        cells = [condition_box(sample, condition, names, size, side) for condition in CONDITIONS]
        rows += [rule_box(WIDTH - 2 * MARGIN), row_box([real_box(sample, names, size, side), *cells], GAP)]
    legend = [legend_box()] if samples[0].generated_caption else []
    notes = row_box([*legend, text_box(CLASS_LEGEND, 10.5, color=QUIET)], 0.5)
    return page_figure(WIDTH, "Predictions with missing modalities", title, [notes, column_box(rows, PAD)])


def real_box(sample: MaskedSample, names: list[str], size: float, side: float) -> OffsetBox:
    """Build the real image, its class and its caption."""
    name = class_box(names[sample.label], REAL, size)
    caption = caption_box(sample.caption, REAL, size)
    return column_box([image_box(sample.image, side), column_box([name, caption], 0.05)], 0.08)


def condition_box(sample: MaskedSample, condition: str, names: list[str], size: float, side: float) -> OffsetBox:
    """Build the inputs of a condition, and below them the predicted class and what is generated if it has a meaning."""
    image, caption = sample.generated_image.get(condition), sample.generated_caption.get(condition)
    width, predicted = COLUMN - (0 if image is None else side + PAD), int(sample.probability[condition].argmax())
    mark, color = ("✓", RIGHT) if predicted == sample.label else ("✗", WRONG)
    prediction = f"{mark} {names[predicted]} {sample.probability[condition][predicted]:.2f}"
    words: OffsetBox = class_box(prediction, width, size, color=color)
    if caption is not None:
        words = column_box([words, caption_box(caption, width, size, sample.contradicting[condition])], 0.08)
    output = words if image is None else row_box([image_box(image, side), words], PAD)
    return column_box([inputs_box(sample.image, CONDITIONS[condition].absent), output], PAD)


def inputs_box(image: Tensor, absent: tuple[str, ...]) -> OffsetBox:
    """Build the strip of inputs; an absent modality is hatched."""
    width = (COLUMN - PAD) / 2
    parts: list[OffsetBox] = []
    for modality, name in MODALITIES.items():
        if modality in absent:
            parts.append(frame_box(f"no {name}", width, GIVEN, 9.5, hatch="////", facecolor="white"))
        elif modality == "image":
            parts.append(row_box([image_box(image, GIVEN), frame_box(name, width - GIVEN, GIVEN, 9.5)], 0))
        else:
            parts.append(frame_box(name, width, GIVEN, 9.5))
    return row_box(parts, PAD)
