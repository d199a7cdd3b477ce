"""Pictures and captions in rows and columns: matplotlib's packers place them, `textwrap` breaks the lines.

Words are set in a font whose characters are all equally wide, so that a line of so many never leaves its column.
"""

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby
from typing import Any, Literal

from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.offsetbox import DrawingArea, HPacker, OffsetBox, OffsetImage, PaddedBox, TextArea, VPacker
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from torch import Tensor

from multimodal.figures.layout import DPI, INK, MARGIN, PALE, QUIET, RULE, WRONG, heading_box, pixels_of, place_box

POINTS = 72  # an inch
FONT = ["DejaVu Sans Mono", "DejaVu Sans"]  # of captions and class names; the second for what the first lacks
LEADING = 0.42  # space between two lines over the font size
CLOSING = frozenset(",.;:!?)%")  # stands close to the word before it
TALLEST = 16.0  # inches: of a page, if that can be


def text_box(text: str, size: float, **style: Any) -> TextArea:
    """Return one line of text at `size` points; a dollar sign is a dollar sign."""
    return TextArea(text, textprops={"fontsize": size, "color": INK, "parse_math": False, **style})


def row_box(children: Sequence[OffsetBox], gap: float, align: Literal["top", "bottom", "baseline"] = "top") -> HPacker:
    """Return boxes side by side, `gap` inches apart."""
    return HPacker(children=[*children], pad=0, sep=gap * POINTS, align=align)


def column_box(children: Sequence[OffsetBox], gap: float, width: float = 0) -> VPacker:
    """Return boxes beneath each other, `gap` inches apart and together `width` inches wide or wider."""
    widest = [space_box(width, -gap)] if width else []  # nothing to see, and it takes back the gap before it
    return VPacker(children=[*children, *widest], pad=0, sep=gap * POINTS, align="left")


def space_box(width: float, height: float) -> DrawingArea:
    """Return inches of nothing."""
    return DrawingArea(width * POINTS, height * POINTS)


def rule_box(width: float, color: str = RULE) -> DrawingArea:
    """Return a horizontal line of `width` inches."""
    box = space_box(width, 0)
    box.add_artist(Line2D([0, width * POINTS], [0, 0], color=color, linewidth=0.8))
    return box


def picture_box(image: Tensor, side: float) -> PaddedBox:
    """Return a framed picture of `side` inches: (C, H, W), grey or RGB, uint8 or float in [0, 1]."""
    picture = OffsetImage(pixels_of(image), zoom=POINTS * side / image.shape[1], interpolation="nearest")
    return PaddedBox(picture, draw_frame=True, patch_attrs={"edgecolor": RULE, "linewidth": 0.8})


def frame_box(text: str, width: float, height: float, size: float, **style: Any) -> DrawingArea:
    """Return a framed box of inches with a text in its middle."""
    box = space_box(width, height)
    patch = {"facecolor": PALE, "edgecolor": RULE, "linewidth": 0.8, **style}
    box.add_artist(Rectangle((0, 0), box.width, box.height, **patch))
    backing = {"facecolor": patch["facecolor"], "edgecolor": "none", "pad": 1.5}
    middle: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": size, "color": QUIET}
    box.add_artist(Text(box.width / 2, box.height / 2, text, bbox=backing, **middle))
    return box


@cache
def character_width(size: float) -> float:
    """Measure inches at `size` points; hinting rounds them to whole pixels, so they are measured."""
    font = FontProperties(family=FONT, size=size)
    return RendererAgg(1, 1, DPI).get_text_width_height_descent("n", font, ismath=False)[0] / DPI


def wrong_words(preds: list[str], target: list[str]) -> list[bool]:
    """Return which words of `preds` are not in `target`, or not so often; their order is no error."""
    left, wrong = Counter(target), []
    for word in preds:
        wrong.append(left[word] == 0)
        left[word] -= not wrong[-1]
    return wrong


def caption_box(preds: list[str], target: list[str], width: float, size: float) -> VPacker:
    """Return a caption whose words that `target` lacks are marked; one without words says so."""
    if not preds:
        return words_box(["(no", "words)"], width, size)
    return words_box(preds, width, size, wrong_words(preds, target))


def class_box(name: str, width: float, size: float, **style: Any) -> VPacker:
    """Return the name of a class above its captions of `size` points."""
    return words_box(name.split(), width, size + 1, weight="bold", **style)


def words_box(words: list[str], width: float, size: float, wrong: list[bool] | None = None, **style: Any) -> VPacker:
    """Return words in lines at most `width` inches wide, at `size` points; the wrong ones red and bold."""
    lines = wrapped_lines(words, [False] * len(words) if wrong is None else wrong, width, size)
    return column_box([line_box(line, size, style) for line in lines], LEADING * size / POINTS, width)


def wrapped_lines(words: list[str], wrong: list[bool], width: float, size: float) -> list[list[tuple[str, bool]]]:
    """Return lines of (word, whether it is wrong); a word wider than a line is broken."""
    characters = max(1, int(width / character_width(size)))
    closed: list[tuple[str, bool]] = []
    for word, mark in zip(words, wrong, strict=True):
        if closed and set(word) <= CLOSING:
            closed[-1] = (closed[-1][0] + word, closed[-1][1])
        else:
            closed.append((word, mark))
    pieces = [(part, mark) for word, mark in closed for part in textwrap.wrap(word, characters, break_on_hyphens=False)]
    joined, marks = " ".join(part for part, _ in pieces), iter([mark for _, mark in pieces])
    lines = textwrap.wrap(joined, characters, break_long_words=False, break_on_hyphens=False)
    return [[(part, next(marks)) for part in line.split()] for line in lines]


def line_box(line: list[tuple[str, bool]], size: float, style: dict[str, Any]) -> OffsetBox:
    """Return one line, neighbours of one colour as one text."""
    runs = [(wrong, " ".join(word for word, _ in run)) for wrong, run in groupby(line, key=lambda word: word[1])]
    marked = {"color": WRONG, "weight": "bold"}
    texts = [text_box(text, size, family=FONT, **(style | marked if wrong else style)) for wrong, text in runs]
    return texts[0] if len(texts) == 1 else row_box(texts, character_width(size), align="baseline")


def legend_box() -> HPacker:
    """Return the line that says what a marked word is."""
    marked = text_box("other word", 10.5, family=FONT, color=WRONG, weight="bold")
    return row_box([marked, text_box("not in the real caption, which may say the same", 10.5, color=QUIET)], 0.1)


def page_of(width: float, heading: str, title: str, boxes: list[OffsetBox]) -> Figure:
    """Return a figure as tall as these boxes beneath its heading."""
    page = column_box([heading_box(heading, title), *boxes], 0.14)
    figure = Figure(figsize=(width, 1), dpi=DPI, facecolor="white")
    place_box(figure, page, MARGIN, MARGIN)
    figure.set_figheight(height_of_box(figure, page) + 2 * MARGIN)
    return figure


def height_of_box(figure: Figure, box: OffsetBox) -> float:
    """Measure the inches of a box on its figure."""
    return box.get_bbox(FigureCanvasAgg(figure).get_renderer()).height / figure.dpi


def first_that_fits(figures: Iterable[Figure]) -> Figure:
    """Return the first figure that fits a page, or the lowest where none does."""
    drawn = []
    for figure in figures:
        drawn.append(figure)
        if figure.get_figheight() <= TALLEST:
            return figure
    return min(drawn, key=Figure.get_figheight)
