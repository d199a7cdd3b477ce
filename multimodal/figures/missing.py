"""Accuracy when images and captions are missing independently: as it is and filled by generation."""

import textwrap
from math import sqrt
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from multimodal.dataset.data import Data
from multimodal.evaluation.evaluator import Results
from multimodal.figures.layout import BLUE, INK, ORANGE, QUIET, RULE, add_footnote, create_figure, style_axes
from multimodal.number_text import signed_text
from multimodal.task.process import chance_level

WIDTH, HEIGHT = 12.0, 5.4  # inches
PREFIX, FILLED, DASH = "missing/", "_filled", "–"
VERSIONS = {"": ("not filled", BLUE, "-", "o"), FILLED: ("filled by generation", ORANGE, "--", "s")}
APART = 0.006  # the two versions stand beside each other, so that neither hides the other's error bar
NOTE = (
    "Images and captions are missing independently, each at this rate; without both, the answer is the most frequent\n"
    "training label, whose share is chance. Exact, without drawn masks; ± and bars: one standard error over the test\n"
    "samples, that of a difference paired by sample."
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
        data: its labels give the chance level.
        results: of the evaluation, with the accuracies and the samples of `missing/<rate>`.
    """
    figure = create_figure(WIDTH, HEIGHT, "Accuracy when both modalities may be missing", title)
    left, right = figure.subplots(1, 2, width_ratios=(5, 5))
    rates = missing_rates(results)
    draw_rates(left, results, rates, chance_level(data.splits["train"].label, data.splits["test"].label))
    draw_rate_table(right, results, rates)
    add_footnote(figure, NOTE)
    return figure


def sample_column(results: Results, rate: float, suffix: str) -> np.ndarray | None:
    """Return for each sample (N,) how probable a correct prediction is at a rate; None where the task makes it moot."""
    values = results.samples.get(f"{PREFIX}{rate:g}{suffix}")
    return None if values is None else np.asarray(values, dtype=float)


def with_error(values: np.ndarray) -> tuple[float, float]:
    """Return the mean of values (N,) and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / sqrt(len(values))) if len(values) > 1 else 0.0


def draw_rates(axes: Axes, results: Results, rates: list[float], chance: float) -> None:
    """Draw accuracy against the missing rate, one line as it is and, where it is defined, one filled."""
    style_axes(axes)
    for side, (suffix, (label, color, dashes, marker)) in zip((-1, 1), VERSIONS.items(), strict=True):
        columns = [values for rate in rates if (values := sample_column(results, rate, suffix)) is not None]
        if not columns:
            continue
        mean, error = zip(*map(with_error, columns), strict=True)
        x = [rate + side * APART for rate in rates]
        axes.errorbar(
            x, mean, error, color=color, linestyle=dashes, marker=marker, markersize=6, capsize=4, label=label
        )
    axes.axhline(chance, color=QUIET, linewidth=1.2, linestyle=(0, (4, 3)), label="chance")
    axes.set(ylim=(0, 1.03), xlim=(max(-0.03, min(rates) - 0.1), min(1.03, max(rates) + 0.1)))
    axes.set_xlabel("missing rate of images, and of captions", fontsize=11, color=INK)
    axes.set_ylabel("accuracy", fontsize=11, color=INK)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.legend(
        frameon=False, fontsize=10, ncols=3, loc="lower left", bbox_to_anchor=(-0.02, 1), columnspacing=1, borderpad=0
    )


def draw_rate_table(axes: Axes, results: Results, rates: list[float]) -> None:
    """Write a line for each rate: accuracy as it is, filled, and the difference in points, each with its error.

    Below stands why the filled ones are undefined, where they are.
    """
    axes.set_axis_off()
    cells = [["missing\nrate", "not\nfilled", "filled by\ngeneration", "difference,\npoints"]]
    for rate in rates:
        plain, filled = (sample_column(results, rate, suffix) for suffix in VERSIONS)
        texts = [
            DASH if values is None else "{:.3f} ± {:.3f}".format(*with_error(values)) for values in (plain, filled)
        ]
        if plain is None or filled is None:
            cells.append([f"{rate:g}", *texts, DASH])
            continue
        difference, error = with_error(100 * (filled - plain))
        cells.append([f"{rate:g}", *texts, f"{signed_text(difference, 1)} ± {error:.1f}"])
    places = (0.06, 0.31, 0.6, 0.88)  # centres of the columns
    height = min(0.16, 0.9 / len(cells))
    for row, texts in enumerate(cells):
        y = 0.97 - height * row
        for x, text in zip(places, texts, strict=True):
            style: dict[str, Any] = {"fontsize": 10, "color": QUIET if row == 0 else INK}
            axes.text(x, y, text, ha="center", va="center", transform=axes.transAxes, **style)
        if row < len(cells) - 1:
            axes.plot([0, 1], [y - height / 2] * 2, color=RULE, linewidth=0.8, transform=axes.transAxes)
    why = results.undefined.get(f"{PREFIX}{rates[0]:g}{FILLED}")
    if why:
        below = textwrap.fill(f"{DASH} {why}", 62)
        y = 0.97 - height * (len(cells) - 0.4)
        axes.text(0, y, below, ha="left", va="top", transform=axes.transAxes, fontsize=9.5, color=QUIET)
