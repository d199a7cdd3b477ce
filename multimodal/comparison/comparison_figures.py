"""Fusions side by side: learning curves and accuracy under missing modalities, over all seeds."""

import math
import textwrap
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from multimodal.comparison.grouping import by_fusion
from multimodal.comparison.run import Run
from multimodal.figures.availability import SWEPT
from multimodal.figures.curves import TITLES, UNITS, quantities
from multimodal.figures.layout import BLUE, INK, ORANGE, QUIET, RULE

Curve = dict[float, float]
# Okabe and Ito's colours, then again with other dashes: nine and more fusions stay distinguishable.
COLORS = (BLUE, ORANGE, "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
DASHES = ("-", "--", ":", "-.")
SIZE, DPI = (4.6, 3.5), 150  # inches, of each small figure
SURFACE = (4.6, 3.8)
LETTERS = 52  # of a legend's line
LEVELS = {"chance": ":", "most frequent label": ":", "ceiling": "-"}  # dashes of what no model changes
SEEDS = "line: mean over seeds; band: lowest to highest seed"


class LineStyle(NamedTuple):
    """Colour and dashes of a fusion in every figure of a report."""

    color: str
    dashes: str


def line_styles(fusions: list[str]) -> dict[str, LineStyle]:
    """Return {fusion: line style}; neighbours differ in colour and in dashes."""
    return {
        name: LineStyle(COLORS[i % len(COLORS)], DASHES[(i % len(COLORS) + i // len(COLORS)) % len(DASHES)])
        for i, name in enumerate(fusions)
    }


def learning_figures(runs: list[Run], styles: dict[str, LineStyle]) -> dict[str, Figure]:
    """Draw {quantity: figure} of every quantity that was measured on the validation split."""
    rows = [row for run in runs for row in run.history]
    names = [name for name in quantities(rows) if any(f"validation/{name}" in row for row in rows)]
    return {TITLES.get(name, name): draw_learning(runs, styles, f"validation/{name}") for name in names}


def draw_learning(runs: list[Run], styles: dict[str, LineStyle], name: str) -> Figure:
    """Draw one quantity over the optimizer steps, a line per fusion."""
    figure, axes = small_figure(SIZE)
    for fusion, own in by_fusion(runs).items():
        curves = [{row["step"]: row[name] for row in run.history if name in row} for run in own]
        draw_band(axes, curves, styles[fusion], fusion)
    axes.set_xlabel("optimizer step", color=INK)
    axes.set_ylabel(UNITS.get(name.partition("/")[2], ""), color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    name_lines(figure, axes)
    return figure


def availability_figures(runs: list[Run], styles: dict[str, LineStyle]) -> dict[str, Figure]:
    """Draw {title: figure} of the accuracy over the missing rate of one modality, with the other always present."""
    figures = {}
    for rate, other, title in SWEPT.values() if any(run.surface for run in runs) else ():
        figure, axes = small_figure(SIZE)
        for fusion, own in by_fusion(runs).items():
            curves = [{row[rate]: row["accuracy"] for row in run.surface if row[other] == 0} for run in own]
            draw_band(axes, curves, styles[fusion], fusion)
        level_line(axes, runs[0].baselines.get("frequent_label", {}).get("availability/mean"), "most frequent label")
        axes.set_xlabel("share of test samples without it", color=INK)
        axes.set_ylabel("accuracy", color=INK)
        name_lines(figure, axes)
        figures[title] = figure
    return figures


def draw_band(axes: Axes, curves: list[Curve], style: LineStyle, label: str) -> None:
    """Draw mean and range over the seeds where all have a value; if some stopped early, also a thin line per seed."""
    curves = [curve for curve in curves if curve]
    if not curves:
        return
    x = sorted(set.intersection(*map(set, curves)))
    if any(len(curve) > len(x) for curve in curves):  # some stopped early
        for curve in curves:
            axes.plot(*zip(*sorted(curve.items()), strict=True), color=style.color, linewidth=0.7, alpha=0.6)
    draw_range(axes, {at: [curve[at] for curve in curves] for at in x}, style, f"{label} ({len(curves)})")


def draw_range(axes: Axes, values: dict[float, list[float]], style: LineStyle, label: str) -> None:
    """Draw the mean as a line and the range as a band over {x: values of the seeds}."""
    x, y = list(values), list(values.values())
    means, lowest, highest = ([float(f(each)) for each in y] for f in (np.mean, np.min, np.max))
    axes.fill_between(x, lowest, highest, color=style.color, alpha=0.18, linewidth=0)
    marker = "o" if len(x) < 3 else None
    axes.plot(x, means, style.dashes, color=style.color, linewidth=2, marker=marker, label=label)


def level_line(axes: Axes, level: float | None, label: str) -> None:
    """Draw a level that no model changes, such as chance; nothing if it is unknown."""
    if level is not None:
        axes.axhline(level, color=QUIET, linewidth=1, linestyle=LEVELS[label], label=label)


def name_lines(figure: Figure, axes: Axes) -> None:
    """Add a legend below the axes, where no line runs through it, and enlarge the figure for it."""
    handles, names = axes.get_legend_handles_labels()
    names = [textwrap.fill(name, LETTERS) for name in names]
    columns = 2 if max(map(len, names)) <= LETTERS // 2 else 1
    rows = sum(name.count("\n") + 1 for name in names) / columns
    figure.set_figheight(figure.get_figheight() + 0.19 * math.ceil(rows))
    figure.legend(handles, names, loc="outside lower center", ncols=columns, frameon=False, fontsize=8.5)


def surface_figures(runs: list[Run]) -> dict[str, Figure]:
    """Draw {fusion: figure} of the availability surface, mean over seeds, on one colour scale for all fusions."""
    cells = {fusion: mean_surface(own) for fusion, own in by_fusion(runs).items()}
    cells = {fusion: own for fusion, own in cells.items() if own}
    lowest = min((value for own in cells.values() for value in own.values()), default=0.0)
    low = min(0.95, np.floor(20 * lowest) / 20)
    return {fusion: draw_surface(own, low) for fusion, own in cells.items()}


def mean_surface(runs: list[Run]) -> dict[tuple[float, float], float]:
    """Return {(no_image, no_text): mean accuracy} over the seeds that have this cell."""
    accuracies: dict[tuple[float, float], list[float]] = {}
    for run in runs:
        for row in run.surface:
            accuracies.setdefault((row["no_image"], row["no_text"]), []).append(row["accuracy"])
    return {at: float(np.mean(values)) for at, values in accuracies.items()}


def draw_surface(cells: dict[tuple[float, float], float], low: float) -> Figure:
    """Draw one coloured cell for each pair of missing rates.

    Args:
        cells: {(no_image, no_text): accuracy}.
        low: accuracy at the lower end of the colour scale.
    """
    figure, axes = small_figure(SURFACE)
    figure.set_layout_engine("compressed")  # of square axes beside a bar, "constrained" cuts the labels
    steps = sorted({rate for at in cells for rate in at})
    grid = np.full((len(steps), len(steps)), np.nan)
    for (no_image, no_text), value in cells.items():
        grid[steps.index(no_text), steps.index(no_image)] = value
    mesh = axes.imshow(grid, origin="lower", cmap="viridis", vmin=low, vmax=1)
    for (i, j), value in np.ndenumerate(grid):
        if np.isfinite(value):
            ink = "white" if value < low + 0.6 * (1 - low) else "black"
            text = f"{100 * value:.0f}"
            axes.text(j, i, text, ha="center", va="center", fontsize=min(8.0, 80 / len(steps)), color=ink)
    named = range(0, len(steps), 1 + len(steps) // 7)
    axes.set_xticks(named, [f"{steps[i]:g}" for i in named])
    axes.set_yticks(named, [f"{steps[i]:g}" for i in named])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("share without image", color=INK)
    axes.set_ylabel("share without caption", color=INK)
    bar = figure.colorbar(mesh, shrink=0.8)
    bar.outline.set_visible(False)
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    bar.ax.tick_params(color=RULE, labelcolor=QUIET)
    return figure


def small_figure(size: tuple[float, float]) -> tuple[Figure, Axes]:
    """Create a figure of one panel without a title, which the page adds."""
    figure = Figure(figsize=size, dpi=DPI, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.tick_params(color=RULE, labelcolor=QUIET)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes
