"""One test sample given whole, without its caption and without its image: what the model makes of each."""

from dataclasses import dataclass

from matplotlib.figure import Figure
from torch import Tensor

from multimodal.dataset.data import Data
from multimodal.evaluation.predict import Predictions
from multimodal.evaluation.sampling import sample_evenly
from multimodal.figures.layout import HEAD, INK, MARGIN, PALE, QUIET, RIGHT, WRONG, WRONG_WORD, Page
from multimodal.figures.text_layout import Block, set_caption, set_words
from multimodal.types import CONDITIONS, MODALITIES

FEWEST, MOST = 6, 10  # rows
WIDTH, TALLEST, PAD = 13.0, 16.0, 0.12  # inches
REAL, CELL = 2.5, 3.23  # inches: the real sample's width, a condition's
GIVEN, HEADINGS = 0.36, 0.42  # inches: the strip that shows what is given, the columns' headings
# points of a text, inches of an image's side
SIZES = ((9.5, 1.1), (8.5, 1.1), (9, 0.62), (7.5, 0.9), (8, 0.55), (6.5, 0.6))
ANSWER = ["✓", "right", "class", ",", "✗", "wrong", "class", ",", "with", "its", "probability"]


@dataclass(frozen=True)
class Said:
    """What the model says under one condition."""

    right: bool
    answer: Block
    caption: Block


@dataclass(frozen=True)
class Row:
    """A test sample: its class and caption, and what is said of it under each condition."""

    row: int
    side: float
    name: Block
    caption: Block
    said: dict[str, Said]

    @property
    def height(self) -> float:
        """Inches."""
        said = max(s.answer.height + s.caption.height + 0.05 for s in self.said.values())
        real = self.side + 0.08 + self.name.height + self.caption.height
        return max(real, GIVEN + PAD + max(self.side, said)) + 0.3


def draw_masking(title: str, data: Data, predictions: Predictions, seed: int) -> Figure:
    """A row for each class as far as the page allows, of few classes several; set as large as it allows."""
    rows = plan(data, predictions, seed)
    page = Page(WIDTH, height_of(rows), "What is missing, and what the model makes of it", title)
    headings(page)
    top = HEAD + HEADINGS
    for row in rows:
        page.rule(MARGIN, top - 0.12, WIDTH - 2 * MARGIN)
        draw_row(page, row, top, data, predictions)
        top += row.height
    return page.figure


def plan(data: Data, predictions: Predictions, seed: int) -> list[Row]:
    """The most rows that fit, at the largest size at which they do; six in the smallest, if none fit."""
    label = data.splits["test"].label
    for count in range(max(FEWEST, min(MOST, len(data.class_names))), FEWEST - 1, -1):
        chosen = sample_evenly(label, count, seed)
        for size in SIZES:
            rows = [set_row(row, *size, data, predictions) for row in chosen]
            if height_of(rows) <= TALLEST:
                return rows
    return rows


def height_of(rows: list[Row]) -> float:
    """Inches of the page."""
    return HEAD + HEADINGS + sum(row.height for row in rows)


def set_row(row: int, size: float, side: float, data: Data, predictions: Predictions) -> Row:
    """Every text of a row set in lines, `size` points beside images of `side` inches."""
    test, width = data.splits["test"], CELL - side - PAD - 0.25
    real = data.vocabulary.words_of(test.tokens[row : row + 1])[0]
    said = {}
    for condition in CONDITIONS:
        probability = predictions.probability[condition][row]
        answer = int(probability.argmax())
        right = answer == int(test.label[row])
        words = ["✓" if right else "✗", *data.class_names[answer].split(), f"{probability[answer]:.2f}"]
        written = data.vocabulary.words_of(predictions.caption[condition][row : row + 1])[0]
        caption = set_caption(written, real, width, size)
        said[condition] = Said(right, set_words(words, width, size + 1.5, weight="bold"), caption)
    name = set_words(data.class_names[int(test.label[row])].split(), REAL - 0.2, size + 1.5, weight="bold")
    return Row(row, side, name, set_caption(real, real, REAL - 0.2, size), said)


def headings(page: Page) -> None:
    """Over each column."""
    page.text(MARGIN, HEAD + 0.18, "real test sample", fontsize=11.5, weight="bold")
    for i, (name, _) in enumerate(CONDITIONS.values()):
        page.text(MARGIN + REAL + i * CELL, HEAD + 0.18, f"given {name}", fontsize=11.5, weight="bold")
    page.note(ANSWER, [False] * len(ANSWER), top=0.27)
    page.note(*WRONG_WORD)


def draw_row(page: Page, row: Row, top: float, data: Data, predictions: Predictions) -> None:
    """The real sample, then each condition: what is given, and beneath it what the model says."""
    image = data.splits["test"].image[row.row]
    page.image(image, MARGIN, top, row.side)
    bottom = page.block(row.name, MARGIN, top + row.side + 0.06)
    page.block(row.caption, MARGIN, bottom)
    for i, (condition, said) in enumerate(row.said.items()):
        x = MARGIN + REAL + i * CELL
        draw_given(page, x, top, image, CONDITIONS[condition].absent)
        below = top + GIVEN + PAD
        page.image(predictions.image[condition][row.row], x, below, row.side)
        bottom = page.block(said.answer, x + row.side + PAD, below, RIGHT if said.right else WRONG)
        page.block(said.caption, x + row.side + PAD, bottom + 0.05)


def draw_given(page: Page, x: float, top: float, image: Tensor, lacking: tuple[str, ...]) -> None:
    """The inputs in small; an absent one is hatched and named."""
    wide = (CELL - 0.25 - PAD) / 2
    for i, (modality, name) in enumerate(MODALITIES.items()):
        left, absent = x + i * (wide + PAD), modality in lacking
        style = {"hatch": "////", "facecolor": "white"} if absent else {"facecolor": PALE}
        page.box(left, top, wide, GIVEN, **style)
        backing = {"facecolor": "white" if absent else PALE, "edgecolor": "none", "pad": 1.5}
        middle = left + wide / 2 + (GIVEN / 2 if modality == "image" and not absent else 0)
        color = QUIET if absent else INK
        place = {"ha": "center", "va": "center", "fontsize": 9.5, "color": color, "bbox": backing}
        page.text(middle, top + GIVEN / 2, f"no {name}" if absent else name, **place)
        if modality == "image" and not absent:
            page.image(image, left, top, GIVEN)
