"""A figure laid out in inches from its top left corner, in one quiet style."""

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from multimodal.evaluation.evaluator import Results
from multimodal.figures.text_layout import DPI, Block, set_words

INK, QUIET, RULE, PALE = "#1f2328", "#5f6772", "#d3d8de", "#f1f3f5"
RIGHT, WRONG = "#00695c", "#b3261e"
BLUE, ORANGE = "#0072b2", "#d55e00"  # Okabe and Ito's, told apart by every kind of colour vision
MARGIN, HEAD = 0.4, 0.95  # inches: around the page, and of its heading
OTHER = ["not", "in", "the", "real", "caption,", "which", "may", "say", "the", "same"]
WRONG_WORD = (["other", "word", ":", *OTHER], [True] * 2 + [False] * 11)

# Petroff 2021, Accessible color sequences, https://arxiv.org/abs/2107.02270, his darker grey (#717581) replaced by a
# dark teal: its CIEDE2000 difference to each of the others is 19 or more, also as seen with protanopia, deuteranopia
# or tritanopia (Machado et al. 2009, https://doi.org/10.1109/TVCG.2009.113). Then the same, darker.
PETROFF = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#185454",
    "#92dadd",
)
DARKER = (
    "#1f4e7a",
    "#8f5d00",
    "#5f1000",
    "#4a5452",
    "#431759",
    "#55342a",
    "#743200",
    "#5e5632",
    "#0b2b2b",
    "#3f7476",
)
COLORS = len(PETROFF + DARKER)


class Page:
    """A figure with its heading.

    Args:
        width: inches.
        height: inches.
        heading: what the figure shows.
        title: names dataset, source, fusion and seed.
    """

    def __init__(self, width: float, height: float, heading: str, title: str) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
        self.canvas = self.figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        self.canvas.set_axis_off()
        self.canvas.autoscale(False)
        self.text(MARGIN, 0.46, heading, fontsize=16, weight="bold")
        self.text(MARGIN, 0.72, title, fontsize=11, color=QUIET)

    def text(self, x: float, y: float, text: str, **style) -> None:
        """One line with its baseline at `y`; a dollar sign is a dollar sign."""
        self.canvas.text(x, y, text, parse_math=False, **{"color": INK, "fontsize": 10, **style})

    def block(self, block: Block, x: float, top: float, color: str = INK) -> float:
        """Words set in lines; the marked ones red, bold and underlined. Returns their lower edge."""
        for word in block.words:
            left, y = x + word.x, top + word.y
            ink = WRONG if word.marked else color
            self.text(left, y, word.text, fontsize=word.size, weight=word.weight, color=ink)
            if word.marked:
                self.rule(left, y + 0.03, word.width, color=WRONG, linewidth=1.2)
        return top + block.height

    def note(self, words: list[str], marked: list[bool], top: float = 0.57) -> None:
        """How to read the figure: one line on the right, beside its title or, higher, its heading."""
        block = set_words(words, self.width, 10.5, marked)
        self.block(block, self.width - MARGIN - max(w.x + w.width for w in block.words), top, color=QUIET)

    def rule(self, x: float, y: float, width: float, **style) -> None:
        """A horizontal line."""
        self.canvas.plot([x, x + width], [y, y], **{"color": RULE, "linewidth": 0.8, "solid_capstyle": "butt", **style})

    def image(self, image: Tensor, x: float, top: float, side: float) -> None:
        """(C, H, W), grey or RGB, uint8 or float in [0, 1]."""
        pixels = image / 255 if image.dtype == torch.uint8 else image
        shown = pixels.clamp(0, 1).permute(1, 2, 0).expand(-1, -1, 3).numpy()
        self.canvas.imshow(
            shown, extent=(x, x + side, top + side, top), aspect="auto", interpolation="nearest", zorder=2
        )
        self.box(x, top, side, side, fill=False, zorder=2.5)

    def box(self, x: float, top: float, width: float, height: float, **style) -> None:
        """A rectangle."""
        style = {"edgecolor": RULE, "linewidth": 0.8, **style}
        self.canvas.add_patch(Rectangle((x, top), width, height, **style))

    def axes(self, x: float, top: float, width: float, height: float) -> Axes:
        """Axes of their own, without the frame's upper and right side."""
        place = (x / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        axes = self.figure.add_axes(place, facecolor="none")
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(RULE)
        axes.tick_params(color=RULE, labelcolor=QUIET, labelsize=9.5)
        axes.set_axisbelow(True)
        return axes


def class_colors(count: int) -> list[str]:
    """One colour for each class; they repeat after twenty."""
    return [(PETROFF + DARKER)[k % COLORS] for k in range(count)]


def metric(results: Results, name: str) -> str:
    """Three digits, or that it is undefined; n/a if it was not measured."""
    if name not in results.metrics:
        return "n/a"
    value = results.metrics[name]
    return "undefined" if value is None else f"{value:.3f}"


def short(name: str) -> str:
    """A class name where there is little room."""
    return name if len(name) <= 16 else f"{name[:15].strip()}…"
