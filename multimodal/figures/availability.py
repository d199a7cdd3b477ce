"""Accuracy under missing modalities: over the missing rate of each, and over all pairs of rates."""

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
    add_footnote,
    create_figure,
    metric_text,
    style_axes,
)
from multimodal.task.process import chance_level
from multimodal.types import CONDITIONS

Rows = list[dict[str, float]]
WIDTH, HEIGHT = 13.7, 7.3  # inches
SWEPT = {  # {modality: its missing rate, the rate that stays 0, label of the curve}
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
NOTE = (
    "No test sample lacks both modalities. Framed: the cell nearest to the missing rates of training. "
    "Chance: the most frequent training label."
)
HEADING = "Accuracy under missing modalities"
IMPUTED = {"none": "", "generated": ", each generated from the other"}
LINES = {"image": (BLUE, "-", "o"), "text": (ORANGE, "--", "s")}


def draw_availability(title: str, data: Data, results: Results, rates: dict[str, float]) -> Figure:
    """Draw accuracy against each missing rate, the availability surface, and the accuracy of each condition.

    Args:
        title: names dataset, source, fusion and seed.
        data: its labels give the chance level.
        results: of the evaluation, with the availability surface.
        rates: {modality: missing rate in training}; 0 if it is absent.
    """
    figure = create_figure(WIDTH, HEIGHT, HEADING + IMPUTED[results.fill], title)
    chance = chance_level(data.splits["train"].label, data.splits["test"].label)
    trained = {modality: float(rates.get(modality, 0.0)) for modality in SWEPT}
    left, right = figure.subplots(1, 2, width_ratios=(5.2, 5.3))
    draw_missing_curves(left, results.surface, trained, chance)
    colors = draw_surface_map(right, results, trained, chance)
    bar = figure.colorbar(colors, ax=right, aspect=33, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_label(f"accuracy, from chance ({chance:.2f}) to 1", fontsize=10.5, color=INK)
    draw_condition_bars(right.inset_axes((0.575, 0.6, 0.425, 0.34)), results, chance)
    add_footnote(figure, NOTE)
    return figure


def accuracy_axis_start(lowest: float, chance: float) -> float:
    """Compute where the accuracy axis starts: just below chance if it is near the values, else just below them."""
    chance_is_near = lowest - chance <= 1 - lowest
    start = min(lowest, chance) if chance_is_near else lowest
    return float(max(0.0, min(0.95, np.floor(100 * (start - 0.08 * (1 - start))) / 100)))


def draw_missing_curves(axes: Axes, surface: Rows, trained: dict[str, float], chance: float) -> None:
    """Draw accuracy against the missing rate of one modality, with the other always present."""
    style_axes(axes)
    for modality, (rate, other, name) in SWEPT.items():
        rows = sorted((row for row in surface if row[other] == 0), key=lambda row: row[rate])
        x, y = [row[rate] for row in rows], [row["accuracy"] for row in rows]
        color, dashes, marker = LINES[modality]
        axes.plot(x, y, dashes, color=color, marker=marker, linewidth=2, markersize=5, label=name)
        training_rate = trained[modality]
        axes.plot(training_rate, np.interp(training_rate, x, y), **DIAMOND)
    axes.plot([], [], label=f"rates of training: image {trained['image']:g}, caption {trained['text']:g}", **DIAMOND)
    low = accuracy_axis_start(min(row["accuracy"] for row in surface if 0 in (row["no_image"], row["no_text"])), chance)
    below = "" if chance >= low else f" {chance:.2f}, below the axis"
    axes.axhline(chance, label=f"chance{below}", **DASHED)
    axes.set(xlim=(-0.03, 1.03), ylim=(low, 1 + 0.03 * (1 - low)))
    axes.set_xlabel("share of test samples without this modality", fontsize=11, color=INK)
    axes.set_ylabel(f"accuracy (axis from {low:.2f} to 1)", fontsize=11, color=INK)
    axes.set_title("one modality missing, the other always present", fontsize=12, loc="left", color=INK)
    axes.grid(color=RULE, linewidth=0.6)
    below_axes: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (0, -0.11), "borderaxespad": 0}
    axes.legend(frameon=False, fontsize=10, ncols=2, **below_axes)


def draw_surface_map(axes: Axes, results: Results, trained: dict[str, float], chance: float) -> AxesImage:
    """Draw one cell for each pair of missing rates, on a colour scale from chance to 1 so that runs are comparable."""
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
    labelled = range(0, len(steps), 1 + len(steps) // 12)
    labels = [f"{steps[i]:g}" for i in labelled]
    axes.set_xticks(labelled, labels)
    axes.set_yticks(labelled, labels)
    axes.tick_params(color=RULE, labelcolor=QUIET, labelsize=9.5)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("share of test samples without image", fontsize=11, color=INK)
    axes.set_ylabel("share of test samples without caption", fontsize=11, color=INK)
    mean, worst = (metric_text(results, f"availability/{name}") for name in ("mean", "worst"))
    axes.set_title(f"images or captions missing: mean {mean}, worst rates {worst}", fontsize=12, loc="left", color=INK)
    return colors


def outline_training(axes: Axes, steps: list[float], trained: dict[str, float]) -> None:
    """Draw a frame around the cell nearest to the missing rates of training."""
    halo = [withStroke(linewidth=4.5, foreground="white")]
    i, j = (int(np.abs(np.array(steps) - trained[modality]).argmin()) for modality in ("text", "image"))
    axes.add_patch(
        Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, edgecolor=INK, linewidth=2, zorder=3, path_effects=halo)
    )


def draw_condition_bars(axes: Axes, results: Results, chance: float) -> None:
    """Draw one bar for the accuracy under each condition: both modalities, image only, text only."""
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
    heading = "accuracy given" if results.fill == "none" else "accuracy, not imputed"
    axes.set_title(heading, fontsize=10.5, loc="left", color=INK, pad=3)
