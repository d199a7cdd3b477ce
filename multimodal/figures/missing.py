"""Accuracy when images and captions are missing independently: as it is and filled by generation."""

from math import sqrt
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.figures.layout import BLUE, INK, ORANGE, QUIET, RULE, add_footnote, create_figure, style_axes
from multimodal.metric.blind import chance_level

WIDTH, HEIGHT = 12.0, 5.4  # inches
PREFIX, FILLED = "missing/", "_filled"
VERSIONS = {"": ("not filled", BLUE, "-", "o"), FILLED: ("filled by generation", ORANGE, "--", "s")}
APART = 0.006  # the two versions stand beside each other, so that neither hides the other's error bar
NOTE = (
    "Images and captions are missing independently, each at this rate; without both, the answer is the most frequent\n"
    "training label. Exact, without drawn masks; ± and bars: one standard error over the test samples."
)


def missing_rates(results: Results) -> list[float]:
    """Return the rates that were measured, in rising order.

    Args:
        results: of an evaluation.
    """
    names = [name for name in results.metrics if name.startswith(PREFIX) and not name.endswith(FILLED)]
    return sorted(float(name.removeprefix(PREFIX)) for name in names)


def draw_missing(title: str, data: Data, results: Results) -> Figure:
    """Draw the accuracy at each missing rate, and beside it the same numbers as a table.

    Args:
        title: names dataset, source, fusion and seed.
        data: the labels of its test split give the chance level.
        results: of the evaluation, with the accuracies and the samples of `missing/<rate>`.
    """
    figure = create_figure(WIDTH, HEIGHT, "Accuracy when both modalities may be missing", title)
    left, right = figure.subplots(1, 2, width_ratios=(5, 5))
    rates = missing_rates(results)
    draw_rates(left, results, rates, chance_level(data.splits["test"].label))
    draw_rate_table(right, results, rates)
    add_footnote(figure, NOTE)
    return figure


def with_error(results: Results, name: str) -> tuple[float, float]:
    """Return the mean of a column of the samples and its standard error."""
    values = np.asarray(results.samples[name], dtype=float)
    return float(values.mean()), float(values.std(ddof=1) / sqrt(len(values))) if len(values) > 1 else 0.0


def draw_rates(axes: Axes, results: Results, rates: list[float], chance: float) -> None:
    """Draw accuracy against the missing rate, one line as it is and one filled."""
    style_axes(axes)
    for side, (suffix, (label, color, dashes, marker)) in zip((-1, 1), VERSIONS.items(), strict=True):
        points = [with_error(results, f"{PREFIX}{rate:g}{suffix}") for rate in rates]
        mean, error = zip(*points, strict=True)
        x = [rate + side * APART for rate in rates]
        axes.errorbar(
            x, mean, error, color=color, linestyle=dashes, marker=marker, markersize=6, capsize=4, label=label
        )
    axes.axhline(chance, color=QUIET, linewidth=1.2, linestyle=(0, (4, 3)), label="chance (most frequent label)")
    axes.set(ylim=(0, 1.03), xlim=(max(-0.03, min(rates) - 0.1), min(1.03, max(rates) + 0.1)))
    axes.set_xlabel("missing rate of images, and of captions", fontsize=11, color=INK)
    axes.set_ylabel("accuracy", fontsize=11, color=INK)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.legend(
        frameon=False, fontsize=10, ncols=3, loc="lower left", bbox_to_anchor=(-0.02, 1), columnspacing=1, borderpad=0
    )


def draw_rate_table(axes: Axes, results: Results, rates: list[float]) -> None:
    """Write a line for each rate: accuracy as it is, filled, and the difference in points."""
    axes.set_axis_off()
    cells = [["missing\nrate", "not\nfilled", "filled by\ngeneration", "difference,\npoints"]]
    for rate in rates:
        plain, filled = (with_error(results, f"{PREFIX}{rate:g}{suffix}") for suffix in VERSIONS)
        difference = f"{100 * (filled[0] - plain[0]):+.1f}".replace("-", "−")
        cells.append([f"{rate:g}", *(f"{m:.3f} ± {e:.3f}" for m, e in (plain, filled)), difference])
    places = (0.08, 0.34, 0.64, 0.91)  # centres of the columns
    height = min(0.16, 0.9 / len(cells))
    for row, texts in enumerate(cells):
        y = 0.97 - height * row
        for x, text in zip(places, texts, strict=True):
            style: dict[str, Any] = {"fontsize": 10, "color": QUIET if row == 0 else INK}
            axes.text(x, y, text, ha="center", va="center", transform=axes.transAxes, **style)
        if row < len(cells) - 1:
            axes.plot([0, 1], [y - height / 2] * 2, color=RULE, linewidth=0.8, transform=axes.transAxes)
