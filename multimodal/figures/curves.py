"""Training curves: one panel per quantity of the training history."""

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.typing import LineStyleType

from multimodal.figures.layout import BLUE, HEAD, INK, ORANGE, QUIET, RULE, create_figure, style_axes, title_panel
from multimodal.training.selection import SELECTIONS, best_row

Row = dict[str, float]
SPLITS: dict[str, tuple[str, LineStyleType, str]] = {"train": (BLUE, "-", "o"), "validation": (ORANGE, "--", "s")}
TITLES = {"learning_rate": "learning rate", "accuracy_both": "accuracy with both"}
# Units of the terms in conf/loss; auxiliary losses of a fusion and terms that a user adds have none here.
UNITS = {
    "loss": "weighted sum of the terms",
    "accuracy": "at the missing rates of training",
    "accuracy_both": "nothing missing",
    "label": "cross-entropy, nats",
    "text": "cross-entropy, nats per word",
    "contrastive": "cross-entropy, nats",
    "image": "squared error, pixels in [0, 1]",
    "unimodal": "cross-entropy, nats, sum of both",
    "kl": "divergence, nats per sample",
    "flow": "squared error of the velocity",
    "dssim": "1 − SSIM, from 0 to 2",
}
OMITTED = ("samples_per_s", "imbalance")  # a speed, which learning does not change; has its own figure
COLUMNS, WIDTH, PANEL = 4, 12.5, 2.75  # panels per row; inches: width of the page, height of a row


def draw_curves(title: str, history: list[Row], select: str) -> Figure:
    """Draw every quantity on the training and validation splits; mark the step of the best checkpoint.

    Args:
        title: names dataset, source, fusion and seed.
        history: one row per validation, {`step` or `<split>/<quantity>`: value}.
        select: by which quantity the best checkpoint was chosen, a key of SELECTIONS.
    """
    names, best = quantities(history), marked_row(history, select)
    columns = min(COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    figure = create_figure(WIDTH, HEAD + rows * PANEL, "Training curves", title)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for i, (axes, name) in enumerate(zip(panels, names, strict=False)):
        draw_curve_panel(axes, name, history, best)
        if i + columns >= len(names):
            axes.set_xlabel("optimizer step", fontsize=10, color=QUIET)
    for axes in panels[len(names) :]:
        axes.remove()
    draw_curve_legend(figure, best, SELECTIONS[select].title)
    return figure


def quantities(history: list[Row]) -> list[str]:
    """List the quantities to draw: total loss and accuracy, then the loss terms, then the learning rate."""
    names = dict.fromkeys(
        name.partition("/")[2] for row in history for name in row if name.startswith(("train/", "validation/"))
    )
    first, last = ("loss", "accuracy"), ("learning_rate",)
    terms = [name for name in names if name.partition("/")[0] not in (*first, *last, *OMITTED)]
    return [name for name in first if name in names] + terms + [name for name in last if name in names]


def marked_row(history: list[Row], select: str) -> Row | None:
    """Return the row whose weights are saved as best; None if no row has the quantity that this is chosen by."""
    validated = [row for row in history if math.isfinite(row.get(SELECTIONS[select].column, math.nan))]
    return best_row(validated, select) if validated else None


def draw_curve_panel(axes: Axes, name: str, history: list[Row], best: Row | None) -> None:
    """Draw one quantity against the optimizer step."""
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
            axes.plot(
                best["step"],
                best[f"{split}/{name}"],
                marker="D",
                markersize=8,
                markerfacecolor="none",
                color=INK,
                markeredgewidth=1.3,
            )
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
    axes.yaxis.get_offset_text().set(x=1, ha="right", fontsize=9, color=QUIET)  # the title stands left
    axes.margins(x=0.04)


def draw_curve_legend(figure: Figure, best: Row | None, selected: str) -> None:
    """Draw the legend in the upper right corner of the figure."""
    lines = [
        Line2D([], [], color=color, linestyle=dashes, marker=marker, markersize=4, label=split)
        for split, (color, dashes, marker) in SPLITS.items()
    ]
    if best is not None:
        label = f"best: step {best['step']:.0f}, {selected}"
        style: dict[str, Any] = {"color": QUIET, "linestyle": ":", "markeredgecolor": INK, "markerfacecolor": "none"}
        lines.append(Line2D([], [], marker="D", markersize=8, label=label, **style))
    figure.legend(handles=lines, ncols=3, loc="upper right", frameon=False, fontsize=10.5, borderaxespad=2)
