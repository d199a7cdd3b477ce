"""Accuracy when modalities are missing: along each rate, and over the triangle of both."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.figures.layout import (
    BLUE,
    INK,
    ORANGE,
    PALE,
    QUIET,
    RULE,
    footnote,
    metric_text,
    open_figure,
    style_axes,
)
from multimodal.metric.blind import chance_level
from multimodal.types import CONDITIONS

Rows = list[dict[str, float]]
WIDTH, HEIGHT = 13.7, 7.3  # inches
SWEPT = {
    "image": ("no_image", "no_text", "missing images"),
    "text": ("no_text", "no_image", "missing captions"),
}
DIAMOND: dict[str, Any] = {
    "marker": "D",
    "markersize": 11,
    "markerfacecolor": "none",
    "color": INK,
    "linestyle": "none",
    "zorder": 4,
}
DASHED: dict[str, Any] = {"color": QUIET, "linewidth": 1.2, "linestyle": (0, (4, 3))}
NOTE = "No test sample lacks both. Framed: the cell nearest to the rates in training."
HEADING = "Accuracy under missing modalities"
FILLED = {"none": "", "generated": ", each gap filled with what is generated from the other"}
LOOKS = {"image": (BLUE, "-", "o"), "text": (ORANGE, "--", "s")}


def draw_availability(title: str, data: Data, results: Results, rates: dict[str, float]) -> Figure:
    """Draw curves on the left, the surface on the right, each condition's accuracy in its empty corner."""
    figure = open_figure(WIDTH, HEIGHT, HEADING + FILLED[results.fill], title)
    chance = chance_level(data.splits["test"].label)
    trained = {modality: float(rates.get(modality, 0.0)) for modality in SWEPT}
    left, right = figure.subplots(1, 2, width_ratios=(5.2, 5.3))
    draw_missing_curves(left, results.surface, trained, chance)
    colors = draw_surface_map(right, results, trained, chance)
    bar = figure.colorbar(colors, ax=right, aspect=33, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_label(f"accuracy, from chance ({chance:.2f}) to 1", fontsize=10.5, color=INK)
    draw_condition_bars(right.inset_axes((0.575, 0.6, 0.425, 0.34)), results, chance)
    footnote(figure, NOTE)
    return figure


def lowest_shown(lowest: float, chance: float) -> float:
    """Return where the accuracy axis starts: a little below chance where that is near the values, else below these."""
    near = lowest - chance <= 1 - lowest
    start = min(lowest, chance) if near else lowest
    return float(max(0.0, min(0.95, np.floor(100 * (start - 0.08 * (1 - start))) / 100)))


def draw_missing_curves(axes: Axes, surface: Rows, trained: dict[str, float], chance: float) -> None:
    """Draw accuracy while one modality is missing more and more often and the other is always there."""
    style_axes(axes)
    for modality, (rate, other, name) in SWEPT.items():
        rows = sorted((row for row in surface if row[other] == 0), key=lambda row: row[rate])
        x, y = [row[rate] for row in rows], [row["accuracy"] for row in rows]
        color, dashes, marker = LOOKS[modality]
        axes.plot(x, y, dashes, color=color, marker=marker, linewidth=2, markersize=5, label=name)
        at = trained[modality]
        axes.plot(at, np.interp(at, x, y), **DIAMOND)
    axes.plot([], [], label=f"rates in training: {trained['image']:g} and {trained['text']:g}", **DIAMOND)
    low = lowest_shown(min(row["accuracy"] for row in surface if 0 in (row["no_image"], row["no_text"])), chance)
    below = "" if chance >= low else f" {chance:.2f}, below the axis"
    axes.axhline(chance, label=f"chance (most frequent label){below}", **DASHED)
    axes.set(xlim=(-0.03, 1.03), ylim=(low, 1 + 0.03 * (1 - low)))
    axes.set_xlabel("share of test samples without it", fontsize=11, color=INK)
    axes.set_ylabel(f"accuracy (axis from {low:.2f} to 1)", fontsize=11, color=INK)
    axes.set_title("one modality missing, the other always there", fontsize=12, loc="left", color=INK)
    axes.grid(color=RULE, linewidth=0.6)
    axes.legend(frameon=True, facecolor="white", edgecolor="none", fontsize=10.5, loc="best")


def draw_surface_map(axes: Axes, results: Results, trained: dict[str, float], chance: float) -> AxesImage:
    """Draw a cell for each pair of rates, coloured from chance to 1, so that runs compare."""
    steps = sorted({row["no_image"] for row in results.surface} | {row["no_text"] for row in results.surface})
    grid = np.full((len(steps), len(steps)), np.nan)
    for row in results.surface:
        grid[steps.index(row["no_text"]), steps.index(row["no_image"])] = row["accuracy"]
    low = min(chance, 0.999)
    colors = axes.imshow(grid, origin="lower", cmap="viridis", vmin=low, vmax=1, aspect="auto")
    size = min(10.0, 100 / len(steps))
    for (i, j), value in np.ndenumerate(grid):
        if np.isfinite(value):
            ink = "white" if value < low + 0.6 * (1 - low) else "black"
            axes.text(j, i, f"{value:.3f}".lstrip("0"), ha="center", va="center", fontsize=size, color=ink)
    outline_training(axes, steps, trained)
    named = range(0, len(steps), 1 + len(steps) // 12)
    labels = [f"{steps[i]:g}" for i in named]
    axes.set_xticks(named, labels)
    axes.set_yticks(named, labels)
    axes.tick_params(color=RULE, labelcolor=QUIET, labelsize=9.5)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("share of test samples without image", fontsize=11, color=INK)
    axes.set_ylabel("share of test samples without caption", fontsize=11, color=INK)
    mean, worst = (metric_text(results, f"availability/{name}") for name in ("mean", "worst"))
    axes.set_title(f"images or captions missing: mean {mean}, worst cell {worst}", fontsize=12, loc="left", color=INK)
    return colors


def outline_training(axes: Axes, steps: list[float], trained: dict[str, float]) -> None:
    """Draw a frame around the cell nearest to the rates in training."""
    halo = [withStroke(linewidth=4.5, foreground="white")]
    i, j = (int(np.abs(np.array(steps) - trained[modality]).argmin()) for modality in ("text", "image"))
    axes.add_patch(
        Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, edgecolor=INK, linewidth=2, zorder=3, path_effects=halo)
    )


def draw_condition_bars(axes: Axes, results: Results, chance: float) -> None:
    """Draw accuracy with both, with the image only, with the text only."""
    style_axes(axes)
    for i, condition in enumerate(CONDITIONS):
        value = results.metrics.get(f"accuracy/{condition}")
        axes.bar(i, 1, color=PALE, width=0.7)
        axes.bar(i, value or 0, color="#8a94a0", width=0.7)
        number = metric_text(results, f"accuracy/{condition}")
        axes.text(i, 1.04, number, ha="center", va="bottom", fontsize=10, color=INK)
    axes.axhline(chance, **DASHED)
    axes.set_xticks(range(len(CONDITIONS)), [title for title, _ in CONDITIONS.values()])
    axes.set(ylim=(0, 1.18), yticks=[])
    axes.spines["left"].set_visible(False)
    axes.tick_params(labelsize=9, length=0)
    name = "accuracy given" if results.fill == "none" else "accuracy given, not filled"
    axes.set_title(name, fontsize=10.5, loc="left", color=INK, pad=3)
