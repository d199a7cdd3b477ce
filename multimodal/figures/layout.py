"""Style of all figures: colours, headings and axes; matplotlib's constrained layout places the axes."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnchoredOffsetbox, OffsetBox, TextArea, VPacker
from matplotlib.transforms import BboxTransformTo, ScaledTranslation
from torch import Tensor

from multimodal.evaluation.evaluator import Results
from multimodal.number_text import decimal_text

DPI = 150  # pixels per inch of a saved figure
INK, QUIET, RULE, PALE = "#1f2328", "#5f6772", "#d3d8de", "#f1f3f5"
RIGHT, WRONG = "#00695c", "#b3261e"
BLUE, ORANGE = "#0072b2", "#d55e00"  # Okabe and Ito's, distinguishable by every kind of colour vision
MARGIN, HEAD = 0.35, 0.95  # inches: margin of the page, height of its heading

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


def create_figure(width: float, height: float, heading: str, title: str) -> Figure:
    """Create a figure with a heading and room for axes below it.

    Args:
        width: inches.
        height: inches, heading included.
        heading: names what is drawn.
        title: names dataset, source, fusion and seed.
    """
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    set_margins(figure)
    place_box(figure, heading_box(heading, title), MARGIN, MARGIN)
    return figure


def set_margins(figure: Figure, left: float = MARGIN, top: float = HEAD, bottom: float = 0.1) -> None:
    """Set the margins of the axes in inches; the right one is MARGIN."""
    width, height = figure.get_size_inches()
    rect = (left / width, bottom / height, 1 - (left + MARGIN) / width, 1 - (top + bottom) / height)
    figure.set_layout_engine("constrained", rect=rect, w_pad=0.08, h_pad=0.08)


def heading_box(heading: str, title: str) -> VPacker:
    """Build the heading: what is drawn, and below it the title with dataset, source, fusion and seed."""
    large = TextArea(heading, textprops={"fontsize": 16, "weight": "bold", "color": INK})
    small = TextArea(title, textprops={"fontsize": 11, "color": QUIET, "parse_math": False})
    return VPacker(children=[large, small], pad=0, sep=6, align="left")


def place_box(figure: Figure, box: OffsetBox, left: float, top: float) -> None:
    """Place a box `left` and `top` inches from the upper left corner of the figure."""
    corner = figure.dpi_scale_trans + ScaledTranslation(0, 1, BboxTransformTo(figure.bbox))
    anchor: dict[str, Any] = {"bbox_to_anchor": (left, -top), "bbox_transform": corner}
    figure.add_artist(AnchoredOffsetbox("upper left", pad=0, borderpad=0, frameon=False, child=box, **anchor))


def style_axes(axes: Axes) -> None:
    """Remove the upper and right spine, and draw the others in grey."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.tick_params(color=RULE, labelcolor=QUIET, labelsize=9.5)
    axes.set_axisbelow(True)


def title_panel(axes: Axes, name: str, note: str, size: float = 11.5, weight: str = "normal") -> None:
    """Write the name of a panel, and a smaller note in grey between name and panel."""
    place: dict[str, Any] = {"y": 1, "pad": 1.75 * size, "parse_math": False}
    axes.set_title(name, loc="left", fontsize=size, weight=weight, color=INK, **place)
    axes.annotate(note, (0, 1), (0, 7), "axes fraction", "offset points", fontsize=0.79 * size, color=QUIET)


def add_footnote(figure: Figure, text: str) -> None:
    """Write a note below the axes."""
    figure.supxlabel(text, x=MARGIN / figure.get_figwidth(), ha="left", fontsize=10, color=QUIET)


def image_array(image: Tensor) -> np.ndarray:
    """Convert an image for matplotlib: (C, H, W), grey or RGB, uint8 or float -> (H, W, 3) float in [0, 1]."""
    pixels = image / 255 if not image.is_floating_point() else image
    return pixels.clamp(0, 1).permute(1, 2, 0).expand(-1, -1, 3).numpy()


def class_colors(count: int) -> list[str]:
    """Return one colour per class; they repeat after twenty."""
    return [(PETROFF + DARKER)[k % COLORS] for k in range(count)]


def metric_text(results: Results, name: str) -> str:
    """Format a metric with three decimals, as "undefined", or as a dash if it was not measured."""
    if name not in results.metrics:
        return "–"
    value = results.metrics[name]
    return "undefined" if value is None else decimal_text(value, 3)


def short_name(name: str) -> str:
    """Shorten a class name to at most 16 characters."""
    return name if len(name) <= 16 else f"{name[:15].strip()}…"
