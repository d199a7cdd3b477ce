"""Training curves: a panel for each loss term found in the history."""

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.typing import LineStyleType

from multimodal.figures.layout import BLUE, HEAD, INK, ORANGE, QUIET, RULE, open_figure, style_axes, title_panel

Row = dict[str, float]
SPLITS: dict[str, tuple[str, LineStyleType, str]] = {"train": (BLUE, "-", "o"), "validation": (ORANGE, "--", "s")}
TITLES = {"learning_rate": "learning rate"}
# Of the terms in conf/loss; what a fusion owes or a user adds has a name and no unit here.
UNITS = {
    "loss": "weighted sum of the terms",
    "accuracy": "right answers, at the rates trained",
    "label": "cross-entropy, nats",
    "text": "cross-entropy, nats a word",
    "contrastive": "cross-entropy, nats",
    "image": "squared error, pixels in [0, 1]",
    "unimodal": "cross-entropy, nats, of both",
    "kl": "divergence, nats a sample",
    "dssim": "1 − SSIM, from 0 to 2, no unit",
}
UNSEEN = ("samples_per_s", "imbalance")  # a speed, not a quantity that learning moves; what has its own figure
COLUMNS, WIDTH, PANEL = 4, 12.5, 2.75  # panels in a row; inches: the page, a row's height


def draw_curves(title: str, history: list[Row]) -> Figure:
    """Draw train and validation in each panel; the step that was kept is marked."""
    names, best = quantities(history), best_row(history)
    columns = min(COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    figure = open_figure(WIDTH, HEAD + rows * PANEL, "Training curves", title)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for i, (axes, name) in enumerate(zip(panels, names, strict=False)):
        draw_curve_panel(axes, name, history, best)
        if i + columns >= len(names):
            axes.set_xlabel("optimizer step", fontsize=10, color=QUIET)
    for axes in panels[len(names) :]:
        axes.remove()
    draw_curve_legend(figure, best)
    return figure


def quantities(history: list[Row]) -> list[str]:
    """Return names to display: sum and accuracy first, the learning rate last, the terms between as they come."""
    found = dict.fromkeys(
        name.partition("/")[2] for row in history for name in row if name.startswith(("train/", "validation/"))
    )
    first, last = ("loss", "accuracy"), ("learning_rate",)
    terms = [name for name in found if name.partition("/")[0] not in (*first, *last, *UNSEEN)]
    return [n for n in first if n in found] + terms + [n for n in last if n in found]


def best_row(history: list[Row]) -> Row | None:
    """Return the row of the lowest validation loss, whose weights were kept; None where there is none."""
    validated = [row for row in history if math.isfinite(row.get("validation/loss", math.nan))]
    return min(validated, key=lambda row: row["validation/loss"], default=None)


def draw_curve_panel(axes: Axes, name: str, history: list[Row], best: Row | None) -> None:
    """Draw one quantity over the steps."""
    style_axes(axes)
    title_panel(axes, TITLES.get(name, name), UNITS.get(name, ""))
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    if best is not None:
        axes.axvline(best["step"], color=QUIET, linewidth=1, linestyle=":")
    for split, (color, dashes, marker) in SPLITS.items():
        points = [(row["step"], row[f"{split}/{name}"]) for row in history if f"{split}/{name}" in row]
        if points:
            x, y = zip(*points, strict=True)
            axes.plot(x, y, color=color, linestyle=dashes, linewidth=1.7, marker=marker, markersize=3.5)
        if best is not None and f"{split}/{name}" in best and split == "validation":
            at = (best["step"], best[f"{split}/{name}"])
            axes.plot(*at, marker="D", markersize=8, markerfacecolor="none", color=INK, markeredgewidth=1.3)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
    axes.yaxis.get_offset_text().set(x=1, ha="right", fontsize=9, color=QUIET)  # the title stands left
    axes.margins(x=0.04)


def draw_curve_legend(figure: Figure, best: Row | None) -> None:
    """Name the lines in the figure's upper right corner."""
    lines = [
        Line2D([], [], color=color, linestyle=dashes, marker=marker, markersize=4, label=split)
        for split, (color, dashes, marker) in SPLITS.items()
    ]
    if best is not None:
        kept = f"kept: step {best['step']:.0f}, lowest validation loss"
        style: dict[str, Any] = {"color": QUIET, "linestyle": ":", "markeredgecolor": INK, "markerfacecolor": "none"}
        lines.append(Line2D([], [], marker="D", markersize=8, label=kept, **style))
    figure.legend(handles=lines, ncols=3, loc="upper right", frameon=False, fontsize=10.5, borderaxespad=2)
