"""Cross-modal generation: the image from the caption alone, the caption from the image alone."""

from dataclasses import dataclass
from itertools import combinations, pairwise

from matplotlib.figure import Figure

from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.evaluation.sampling import sample_per_class
from multimodal.figures.grid import CLASS, GRIDS, GUTTER, PAD, START, WIDTH, Grid
from multimodal.figures.layout import HEAD, INK, MARGIN, PALE, QUIET, WRONG_WORD, Page, metric
from multimodal.figures.text_layout import Block, fitted, set_caption, set_words

TALLEST = 16.0  # inches
MOST = 20  # classes; of more, so many evenly apart
UNREAD = "this fusion does not read"  # how the reason starts why a control's generation is not measured


@dataclass(frozen=True)
class Sample:
    """A row of the test split with its captions set in lines."""

    row: int
    real: Block
    written: Block
    height: float


Column = dict[int, list[Sample]]  # {class: its samples}


def draw_generation(title: str, data: Data, results: Results, samples: int, seed: int) -> Figure:
    """At least three samples of each pictured class; as tall as it must be where no grid fits the page."""
    plans = [(grid, plan(grid, data, results, samples, seed)) for grid in GRIDS]
    fitting = [p for p in plans if height_of(*p) <= TALLEST]
    grid, columns = fitting[0] if fitting else min(plans, key=lambda p: height_of(*p))
    shown, classes = sum(map(len, columns)), len(data.splits["test"].content.unique())
    part = f"; {shown} of {classes} classes" if shown < classes else ""
    page = Page(WIDTH, height_of(grid, columns), "Cross-modal generation", title + part)
    page.note(*WRONG_WORD)
    page.text(MARGIN, HEAD + 0.07, coherence(results), fontsize=10.5, color=QUIET)
    for i, column in enumerate(columns):
        draw_column(page, grid, MARGIN + i * (grid.sample + GUTTER), column, data, results)
    return page.figure


def unread(results: Results, task: str) -> bool:
    """Whether this is a control that reads nothing of what `task` starts from."""
    names = [name for name in results.metrics if name.startswith(f"{task}/")]
    return bool(names) and all(results.undefined.get(name, "").startswith(UNREAD) for name in names)


def coherence(results: Results) -> str:
    """How often a judge sees or reads the right class in what was generated, and how often in what is real."""
    image, text = (metric(results, f"{task}/class_coherence") for task in ("text_to_image", "image_to_text"))
    real_image, real_text = (metric(results, f"judge/{name}") for name in ("accuracy", "caption_accuracy"))
    seen = f"Right class seen by the judge: images from captions {image}, real images {real_image}; "
    unjudged = results.undefined.get("judge/caption_accuracy")
    if unjudged:
        return f"{seen}no captions are judged: {unjudged}."
    return f"{seen}read by the judge: captions from images {text}, real captions {real_text}."


def plan(grid: Grid, data: Data, results: Results, samples: int, seed: int) -> list[Column]:
    """The samples of each class, the same for every grid, set in this one."""
    test = data.splits["test"]
    found = sample_per_class(test.content, max(3, samples // len(data.class_names)), seed)
    step = max(1.0, len(found) / MOST)
    chosen = {k: found[k] for k in (list(found)[int(i * step)] for i in range(min(MOST, len(found))))}
    real = data.vocabulary.words_of(test.tokens)
    written = data.vocabulary.words_of(results.predictions.caption["image"])
    blind = unread(results, "image_to_text")
    made = {
        k: [set_sample(grid, row, real[row], None if blind else written[row]) for row in rows]
        for k, rows in chosen.items()
    }
    return shared_out(made, min(grid.columns, len(made)))


def set_sample(grid: Grid, row: int, real: list[str], written: list[str] | None) -> Sample:
    """As high as the highest of its parts; None: this model does not read images."""
    told = set_caption(real, real, grid.caption, grid.size)
    if written is None:
        made = set_words(["does", "not", "read", "images"], grid.caption, grid.size)
    else:
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


def draw_column(page: Page, grid: Grid, x: float, column: Column, data: Data, results: Results) -> None:
    """Headings, then each class with its name and a row for each sample."""
    head_column(page, grid, x)
    image, caption, drawn, written = (x + left for left in grid.lefts)
    top, blind, reads_images = grid.top, unread(results, "text_to_image"), not unread(results, "image_to_text")
    for k, members in column.items():
        page.block(set_words(data.class_names[k].split(), grid.sample, grid.size + 1.5, weight="bold"), x, top + 0.06)
        page.rule(x, top + 0.28, grid.sample)
        top += CLASS
        for sample in members:
            page.image(data.splits["test"].image[sample.row], image, top, grid.side)
            page.block(sample.real, caption, top)
            if blind:
                draw_nothing(page, drawn, top, grid.side)
            else:
                page.image(results.predictions.image["text"][sample.row], drawn, top, grid.side)
            page.block(sample.written, written, top, INK if reads_images else QUIET)
            top += sample.height
        top += 0.05


def draw_nothing(page: Page, x: float, top: float, side: float) -> None:
    """In place of an image that a model drew without reading the caption."""
    page.box(x, top, side, side, facecolor=PALE)
    said = set_words(["does", "not", "read", "captions"], side - 0.06, min(10.0, 11 * side))
    page.block(said, x + 0.04, top + (side - said.height) / 2, color=QUIET)


def head_column(page: Page, grid: Grid, x: float) -> None:
    """What is real and what is generated."""
    for block, left in zip(grid.headings(), grid.lefts, strict=True):
        page.block(block, x + left, START + 0.3, color=QUIET)
    half = grid.side + PAD + grid.caption
    names = ("real test sample", "generated from the other alone")
    points, _ = fitted(names[1], half, min(grid.size, 9.5) + 1, "bold")
    for name, left in zip(names, grid.lefts[::2], strict=True):
        page.text(x + left, START + 0.2, name, fontsize=points, weight="bold")
        page.rule(x + left, START + 0.27, half, color=QUIET)
