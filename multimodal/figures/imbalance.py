"""Balance of the modalities: gradient norms, accuracy with each modality alone, and the image's contribution."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from multimodal.figures.layout import BLUE, HEAD, INK, ORANGE, QUIET, RULE, create_figure, style_axes, title_panel
from multimodal.types import CONDITIONS, MODALITIES

Row = dict[str, float]
STYLES = {"both": (INK, "-", "o"), "image": (BLUE, "-", "s"), "text": (ORANGE, "--", "^")}
PANELS = {  # {title: unit, smallest upper end of the axis, {modality or condition: name in the history}}
    "gradient of each encoder": (
        "Euclidean norm, mean over the steps",
        0,
        {m: f"train/imbalance/grad_norm_{m}" for m in ("image", "text")},
    ),
    "accuracy": (
        "validation, with both and with one modality",
        1.02,
        {c: f"validation/imbalance/accuracy_{c}" for c in ("both", "image", "text")},
    ),
    "contribution of the image": (
        "Shapley share of the accuracy; rest: caption",
        1.02,
        {"image": "validation/imbalance/share_image"},
    ),
}
EMPTY = "undefined: accuracy is\ntoo close to chance"
WIDTH, PANEL = 12.5, 3.3  # inches: width of the page, height of a panel with its labels


def draw_imbalance(title: str, history: list[Row]) -> Figure:
    """Draw three panels against the optimizer step; a line is broken where a value was not measured."""
    steps = [row["step"] for row in history]
    figure = create_figure(WIDTH, HEAD + PANEL, "Balance of the modalities", title)
    for axes, (name, (unit, reach, lines)) in zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        draw_balance_panel(axes, name, unit, {line: measured_points(history, key) for line, key in lines.items()})
        first, last = min(steps, default=0), max(steps, default=1)
        margin = max(0.04 * (last - first), 0.5)  # no marker is cut, of a single validation either
        axes.set_xlim(first - margin, last + margin)
        low, high = axes.get_ylim()
        least = min((y for line in axes.lines for y in line.get_ydata() if not math.isnan(y)), default=0.0)
        axes.set_ylim(min(0, low, least - 0.05 * reach), max(reach, high))
    return figure


def measured_points(history: list[Row], name: str) -> list[tuple[float, float]]:
    """Return (step, value) for each row, NaN where the value was not measured; nothing if it never was."""
    measured = any(name in row for row in history)
    return [(row["step"], row.get(name, math.nan)) for row in history] if measured else []


def draw_balance_panel(axes: Axes, title: str, unit: str, lines: dict[str, list[tuple[float, float]]]) -> None:
    """Draw one line per modality or condition, {name: [(step, value)]}, and a legend if there are several."""
    style_axes(axes)
    title_panel(axes, title, unit)
    axes.set_xlabel("optimizer step", fontsize=10, color=QUIET)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    for name, points in lines.items():
        if points:
            color, dashes, marker = STYLES[name]
            label = CONDITIONS[name].title if "both" in lines else MODALITIES[name]
            axes.plot(*zip(*points, strict=True), dashes, color=color, marker=marker, markersize=4, label=label)
    if not axes.lines:
        axes.text(0.5, 0.5, EMPTY, transform=axes.transAxes, ha="center", va="center", fontsize=9.5, color=QUIET)
        axes.set_xticks([])
    if len(axes.lines) > 1:
        axes.legend(frameon=False, fontsize=9.5, labelcolor=INK)
