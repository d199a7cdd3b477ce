"""Training curves: a panel for each loss term found in the history."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from multimodal.figures.layout import BLUE, HEAD, INK, MARGIN, ORANGE, QUIET, RULE, Page

Row = dict[str, float]
SPLITS = {"train": (BLUE, "-", "o"), "validation": (ORANGE, "--", "s")}
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
COLUMNS, WIDTH, PANEL, GAP = 4, 12.5, 1.95, 1.0  # panels in a row; inches: page, panel's and gap's height


def draw_curves(title: str, history: list[Row]) -> Figure:
    """Train and validation in each panel; the step that was kept is marked."""
    names, best = quantities(history), best_row(history)
    columns = min(COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    page = Page(WIDTH, HEAD + 0.5 + rows * (PANEL + GAP), "Training curves", title)
    wide = (WIDTH - 2 * MARGIN + 0.15) / columns
    for i, name in enumerate(names):
        top = HEAD + 0.5 + (i // columns) * (PANEL + GAP)
        axes = page.axes(MARGIN + 0.45 + (i % columns) * wide, top, wide - 0.7, PANEL)
        draw_panel(axes, name, history, best)
        if i + columns >= len(names):
            axes.set_xlabel("optimizer step", fontsize=10, color=QUIET)
    draw_legend(page, best)
    return page.figure


def quantities(history: list[Row]) -> list[str]:
    """Names to show: sum and accuracy first, the learning rate last, the terms between as they come."""
    found = dict.fromkeys(
        name.partition("/")[2] for row in history for name in row if name.startswith(("train/", "validation/"))
    )
    first, last = ("loss", "accuracy"), ("learning_rate",)
    terms = [name for name in found if name.partition("/")[0] not in (*first, *last, *UNSEEN)]
    return [n for n in first if n in found] + terms + [n for n in last if n in found]


def best_row(history: list[Row]) -> Row | None:
    """The row of the lowest validation loss, whose weights were kept; None where there is none."""
    validated = [row for row in history if math.isfinite(row.get("validation/loss", math.nan))]
    return min(validated, key=lambda row: row["validation/loss"], default=None)


def draw_panel(axes: Axes, name: str, history: list[Row], best: Row | None) -> None:
    """One quantity over the steps."""
    axes.set_title(TITLES.get(name, name), fontsize=11.5, loc="left", y=1, pad=20, color=INK, parse_math=False)
    axes.annotate(UNITS.get(name, ""), (0, 1), (0, 7), "axes fraction", "offset points", fontsize=9, color=QUIET)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    if best is not None:
        axes.axvline(best["step"], color=QUIET, linewidth=1, linestyle=":")
    for split, (color, dashes, marker) in SPLITS.items():
        points = [(row["step"], row[f"{split}/{name}"]) for row in history if f"{split}/{name}" in row]
        if points:
            axes.plot(*zip(*points, strict=True), dashes, color=color, linewidth=1.7, marker=marker, markersize=3.5)
        if best is not None and f"{split}/{name}" in best and split == "validation":
            at = (best["step"], best[f"{split}/{name}"])
            axes.plot(*at, marker="D", markersize=8, markerfacecolor="none", color=INK, markeredgewidth=1.3)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
    axes.yaxis.get_offset_text().set(x=1, ha="right", fontsize=9, color=QUIET)  # the title stands left
    axes.margins(x=0.04)


def draw_legend(page: Page, best: Row | None) -> None:
    """In the page's upper right corner."""
    lines = [
        Line2D([], [], color=color, linestyle=dashes, marker=marker, markersize=4, label=split)
        for split, (color, dashes, marker) in SPLITS.items()
    ]
    if best is not None:
        kept = f"kept: step {best['step']:.0f}, lowest validation loss"
        style = {"color": QUIET, "linestyle": ":", "markeredgecolor": INK, "markerfacecolor": "none"}
        lines.append(Line2D([], [], marker="D", markersize=8, label=kept, **style))
    corner = (1 - MARGIN / page.width, 1 - 0.3 / page.height)
    page.figure.legend(handles=lines, ncols=3, loc="upper right", bbox_to_anchor=corner, frameon=False, fontsize=10.5)
