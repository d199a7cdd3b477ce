"""Images and captions in rows and columns: matplotlib's packers place them, `textwrap` breaks the lines.

Captions are set in a monospaced font, so that the number of characters alone decides whether a line fits its column.
"""

import textwrap
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby
from typing import Any, Literal

from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.offsetbox import DrawingArea, HPacker, OffsetBox, OffsetImage, PaddedBox, TextArea, VPacker
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from torch import Tensor

from multimodal.figures.layout import DPI, INK, MARGIN, PALE, QUIET, RULE, WRONG, heading_box, image_array, place_box

POINTS = 72  # per inch
FONT = [
    "DejaVu Sans Mono",
    "DejaVu Sans",
]  # of captions and class names; the second has the characters that the first lacks
LEADING = 0.42  # space between two lines, in font sizes
CLOSING = frozenset(",.;:!?)%")  # joins the word before it
MAX_HEIGHT = 16.0  # inches: height of a page, unless its content needs more


def text_box(text: str, size: float, **style: Any) -> TextArea:
    """Build one line of text at `size` points, in which dollar signs start no formula."""
    return TextArea(text, textprops={"fontsize": size, "color": INK, "parse_math": False, **style})


def row_box(children: Sequence[OffsetBox], gap: float, align: Literal["top", "bottom", "baseline"] = "top") -> HPacker:
    """Build a row of boxes, `gap` inches apart."""
    return HPacker(children=[*children], pad=0, sep=gap * POINTS, align=align)


def column_box(children: Sequence[OffsetBox], gap: float, width: float = 0) -> VPacker:
    """Build a column of boxes, `gap` inches apart and at least `width` inches wide."""
    spacer = [space_box(width, -gap)] if width else []  # invisible, and it takes back the gap before it
    return VPacker(children=[*children, *spacer], pad=0, sep=gap * POINTS, align="left")


def space_box(width: float, height: float) -> DrawingArea:
    """Build an empty box; width and height in inches."""
    return DrawingArea(width * POINTS, height * POINTS)


def rule_box(width: float, color: str = RULE) -> DrawingArea:
    """Build a horizontal line of `width` inches."""
    box = space_box(width, 0)
    box.add_artist(Line2D([0, width * POINTS], [0, 0], color=color, linewidth=0.8))
    return box


def image_box(image: Tensor, side: float) -> PaddedBox:
    """Build a framed image, `side` inches high: (C, H, W), grey or RGB, uint8 or float in [0, 1]."""
    pixels = OffsetImage(image_array(image), zoom=POINTS * side / image.shape[1], interpolation="nearest")
    return PaddedBox(pixels, draw_frame=True, patch_attrs={"edgecolor": RULE, "linewidth": 0.8})


def frame_box(text: str, width: float, height: float, size: float, **style: Any) -> DrawingArea:
    """Build a framed box with centred text; width and height in inches, `size` in points."""
    box = space_box(width, height)
    patch = {"facecolor": PALE, "edgecolor": RULE, "linewidth": 0.8, **style}
    box.add_artist(Rectangle((0, 0), box.width, box.height, **patch))
    backing = {"facecolor": patch["facecolor"], "edgecolor": "none", "pad": 1.5}
    middle: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": size, "color": QUIET}
    box.add_artist(Text(box.width / 2, box.height / 2, text, bbox=backing, **middle))
    return box


@cache
def character_width(size: float) -> float:
    """Measure the width of a character in inches at `size` points, as hinting rounds it to whole pixels."""
    font = FontProperties(family=FONT, size=size)
    return RendererAgg(1, 1, DPI).get_text_width_height_descent("n", font, ismath=False)[0] / DPI


def caption_box(words: list[str], width: float, size: float, marked: list[bool] | None = None) -> VPacker:
    """Build a caption, some of its words marked, or "(no words)" if it is empty."""
    return words_box(words, width, size, marked) if words else words_box(["(no", "words)"], width, size)


def class_box(name: str, width: float, size: float, **style: Any) -> VPacker:
    """Build the name of a class, in bold and one point larger than its captions of `size` points."""
    return words_box(name.split(), width, size + 1, weight="bold", **style)


def words_box(words: list[str], width: float, size: float, marked: list[bool] | None = None, **style: Any) -> VPacker:
    """Build lines of words at `size` points, at most `width` inches wide; marked words are red and bold."""
    lines = wrap_words(words, [False] * len(words) if marked is None else marked, width, size)
    return column_box([line_box(line, size, style) for line in lines], LEADING * size / POINTS, width)


def wrap_words(words: list[str], marked: list[bool], width: float, size: float) -> list[list[tuple[str, bool]]]:
    """Break words into lines at most `width` inches wide: -> lines of (word, whether it is marked).

    Punctuation joins the word before it, and a word wider than a line is broken.
    """
    characters = max(1, int(width / character_width(size)))
    joined: list[tuple[str, bool]] = []
    for word, mark in zip(words, marked, strict=True):
        if joined and set(word) <= CLOSING:
            joined[-1] = (joined[-1][0] + word, joined[-1][1])
        else:
            joined.append((word, mark))
    pieces = [(part, mark) for word, mark in joined for part in textwrap.wrap(word, characters, break_on_hyphens=False)]
    text, marks = " ".join(part for part, _ in pieces), iter([mark for _, mark in pieces])
    lines = textwrap.wrap(text, characters, break_long_words=False, break_on_hyphens=False)
    return [[(part, next(marks)) for part in line.split()] for line in lines]


def line_box(line: list[tuple[str, bool]], size: float, style: dict[str, Any]) -> OffsetBox:
    """Build one line; neighbouring words of the same colour form one text."""
    runs = [(mark, " ".join(word for word, _ in run)) for mark, run in groupby(line, key=lambda word: word[1])]
    red = {"color": WRONG, "weight": "bold"}
    texts = [
        text_box(text, size, family=[*FONT, *rcParams["font.family"]], **(style | red if mark else style))
        for mark, text in runs
    ]
    return texts[0] if len(texts) == 1 else row_box(texts, character_width(size), align="baseline")


def legend_box() -> HPacker:
    """Build the line that explains marked words."""
    marked = text_box("red word", 10.5, family=FONT, color=WRONG, weight="bold")
    return row_box([marked, text_box("contradicts the real caption", 10.5, color=QUIET)], 0.1)


def page_figure(width: float, heading: str, title: str, boxes: list[OffsetBox]) -> Figure:
    """Create a figure of `width` inches, as tall as its heading and the boxes below it."""
    page = column_box([heading_box(heading, title), *boxes], 0.14)
    figure = Figure(figsize=(width, 1), dpi=DPI, facecolor="white")
    place_box(figure, page, MARGIN, MARGIN)
    figure.set_figheight(box_height(figure, page) + 2 * MARGIN)
    return figure


def box_height(figure: Figure, box: OffsetBox) -> float:
    """Measure the height of a box on its figure, in inches."""
    return box.get_bbox(FigureCanvasAgg(figure).get_renderer()).height / figure.dpi


def first_that_fits(figures: Iterable[Figure]) -> Figure:
    """Return the first figure of at most MAX_HEIGHT inches, or the lowest of all if none is."""
    drawn = []
    for figure in figures:
        drawn.append(figure)
        if figure.get_figheight() <= MAX_HEIGHT:
            return figure
    return min(drawn, key=Figure.get_figheight)
