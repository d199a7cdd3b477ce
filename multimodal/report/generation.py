"""Cross-modal generation: the image from the caption alone, the caption from the image alone."""

from dataclasses import dataclass
from itertools import combinations, pairwise

from matplotlib.figure import Figure

from multimodal.dataset.data import Data
from multimodal.evaluation.predict import Predictions
from multimodal.report.captions import Block, fitted, set_caption, set_words
from multimodal.report.page import HEAD, MARGIN, QUIET, WRONG_WORD, Page
from multimodal.report.samples import per_class

WIDTH, TALLEST, GUTTER, PAD, CLASS = 13.0, 16.0, 0.4, 0.11, 0.32  # inches; CLASS: the line of its name


@dataclass(frozen=True)
class Grid:
    """Measures: how many columns of samples, inches of an image's side, points of a caption."""

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

    @property
    def lefts(self) -> tuple[float, float, float, float]:
        """Left ends of image, caption, drawn image and written caption."""
        image, half = self.side + PAD, self.side + self.caption + 2 * PAD
        return 0.0, image, half, half + image

    def headings(self) -> list[Block]:
        """What each of the four shows."""
        names = ("image", "caption", "image from caption", "caption from image")
        widths = (self.side + PAD / 2, self.caption) * 2
        return [set_words(n.split(), w, min(self.size, 9)) for n, w in zip(names, widths, strict=True)]

    @property
    def top(self) -> float:
        """Inches above the first class."""
        return HEAD + 0.3 + max(block.height for block in self.headings())


# The first that fits the page is taken: few classes, more of them, many, long captions.
GRIDS = [Grid(2, 1.2, 10), Grid(2, 0.9, 9.5), Grid(2, 0.7, 9.5), Grid(2, 0.9, 8), Grid(3, 0.75, 8)]
GRIDS += [Grid(3, 0.62, 7), Grid(3, 0.48, 7), Grid(1, 0.62, 7.5), Grid(1, 0.62, 6.5)]


@dataclass(frozen=True)
class Sample:
    """A row of the test split with its captions set in lines."""

    row: int
    real: Block
    written: Block
    height: float


Column = dict[int, list[Sample]]  # {class: its samples}


def draw_generation(title: str, data: Data, predictions: Predictions, samples: int, seed: int) -> Figure:
    """At least three samples of each pictured class; as tall as it must be where no grid fits the page."""
    plans = [(grid, plan(grid, data, predictions, samples, seed)) for grid in GRIDS]
    fitting = [p for p in plans if height_of(*p) <= TALLEST]
    grid, columns = fitting[0] if fitting else min(plans, key=lambda p: height_of(*p))
    page = Page(WIDTH, height_of(grid, columns), "Cross-modal generation", title)
    page.note(*WRONG_WORD)
    for i, column in enumerate(columns):
        draw_column(page, grid, MARGIN + i * (grid.sample + GUTTER), column, data, predictions)
    return page.figure


def plan(grid: Grid, data: Data, predictions: Predictions, samples: int, seed: int) -> list[Column]:
    """The samples of each class, the same for every grid, set in this one."""
    test = data.splits["test"]
    chosen = per_class(test.content, max(3, samples // len(data.class_names)), seed)
    real = data.vocabulary.words_of(test.tokens)
    written = data.vocabulary.words_of(predictions.caption["image"])
    made = {k: [set_sample(grid, row, real[row], written[row]) for row in rows] for k, rows in chosen.items()}
    return shared_out(made, min(grid.columns, len(made)))


def set_sample(grid: Grid, row: int, real: list[str], written: list[str]) -> Sample:
    """As high as the highest of its parts."""
    told = set_caption(real, real, grid.caption, grid.size)
    made = set_caption(written, real, grid.caption, grid.size)
    return Sample(row, told, made, max(grid.side, told.height, made.height) + PAD)


def shared_out(made: Column, columns: int) -> list[Column]:
    """The classes in order, cut where the highest column is lowest."""
    cuts = combinations(range(1, len(made)), columns - 1)
    parted = [[{k: made[k] for k in list(made)[a:b]} for a, b in pairwise((0, *cut, len(made)))] for cut in cuts]
    return min(reversed(parted), key=lambda parts: max(map(column_height, parts)))  # of equals, the fullest first


def column_height(column: Column) -> float:
    """Inches of its classes."""
    return sum(CLASS + 0.05 + sum(sample.height for sample in members) for members in column.values())


def height_of(grid: Grid, columns: list[Column]) -> float:
    """Inches of the page."""
    return grid.top + max(map(column_height, columns)) + 0.2


def draw_column(page: Page, grid: Grid, x: float, column: Column, data: Data, predictions: Predictions) -> None:
    """Headings, then each class with its name and a row for each sample."""
    head_column(page, grid, x)
    image, caption, drawn, written = (x + left for left in grid.lefts)
    top = grid.top
    for k, members in column.items():
        page.block(set_words(data.class_names[k].split(), grid.sample, grid.size + 1.5, weight="bold"), x, top + 0.06)
        page.rule(x, top + 0.28, grid.sample)
        top += CLASS
        for sample in members:
            page.image(data.splits["test"].image[sample.row], image, top, grid.side)
            page.block(sample.real, caption, top)
            page.image(predictions.image["text"][sample.row], drawn, top, grid.side)
            page.block(sample.written, written, top)
            top += sample.height
        top += 0.05


def head_column(page: Page, grid: Grid, x: float) -> None:
    """What is real and what is generated."""
    for block, left in zip(grid.headings(), grid.lefts, strict=True):
        page.block(block, x + left, HEAD + 0.3, color=QUIET)
    half = grid.side + PAD + grid.caption
    names = ("real test sample", "generated from the other alone")
    points, _ = fitted(names[1], half, min(grid.size, 9.5) + 1, "bold")
    for name, left in zip(names, grid.lefts[::2], strict=True):
        page.text(x + left, HEAD + 0.2, name, fontsize=points, weight="bold")
        page.rule(x + left, HEAD + 0.27, half, color=QUIET)
