"""Fusions side by side: learning curves and accuracy under missing modalities, over all seeds."""

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from multimodal.comparison.grouping import by_fusion
from multimodal.comparison.reading import Run
from multimodal.figures.availability import SWEPT
from multimodal.figures.curves import TITLES, UNITS, quantities
from multimodal.figures.layout import BLUE, INK, ORANGE, QUIET, RULE

Curve = dict[float, float]
# Okabe and Ito's colours, then again with other dashes: nine fusions and more can be told apart.
COLORS = (BLUE, ORANGE, "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
DASHES = ("-", "--", ":", "-.")
SIZE, DPI = (4.6, 3.5), 150  # inches, of each small figure
SURFACE = (4.6, 3.8)
ROOM = 5  # lines that a legend may name among the curves
SEEDS = "line: mean over seeds; band: lowest to highest seed"


class LineStyle(NamedTuple):
    """How a fusion is drawn, in every figure of a report."""

    color: str
    dashes: str


def line_styles(fusions: list[str]) -> dict[str, LineStyle]:
    """Return {fusion: its line}; neighbours differ in colour and in dashes."""
    return {
        name: LineStyle(COLORS[i % len(COLORS)], DASHES[(i % len(COLORS) + i // len(COLORS)) % len(DASHES)])
        for i, name in enumerate(fusions)
    }


def learning_figures(runs: list[Run], styles: dict[str, LineStyle]) -> dict[str, Figure]:
    """Return {quantity: figure} of everything that was measured on the validation split."""
    rows = [row for run in runs for row in run.history]
    names = [name for name in quantities(rows) if any(f"validation/{name}" in row for row in rows)]
    return {TITLES.get(name, name): draw_learning(runs, styles, f"validation/{name}") for name in names}


def draw_learning(runs: list[Run], styles: dict[str, LineStyle], name: str) -> Figure:
    """Draw one quantity over the steps."""
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
    """Return {what is missing: figure} of the accuracy while the other modality is always there."""
    figures = {}
    for rate, other, title in SWEPT.values() if any(run.surface for run in runs) else ():
        figure, axes = small_figure(SIZE)
        for fusion, own in by_fusion(runs).items():
            curves = [{row[rate]: row["accuracy"] for row in run.surface if row[other] == 0} for run in own]
            draw_band(axes, curves, styles[fusion], fusion)
        chance = runs[0].baselines.get("frequent_label", {}).get("availability/mean")
        if chance is not None:
            axes.axhline(chance, color=QUIET, linewidth=1, linestyle=":", label="most frequent answer")
        axes.set_xlabel("share of test samples without it", color=INK)
        axes.set_ylabel("accuracy", color=INK)
        name_lines(figure, axes)
        figures[title] = figure
    return figures


def draw_band(axes: Axes, curves: list[Curve], style: LineStyle, label: str) -> None:
    """Draw mean and band where every seed has a value, and each seed thin, to its own end."""
    curves = [curve for curve in curves if curve]
    if not curves:
        return
    x = sorted(set.intersection(*map(set, curves)))
    values = np.array([[curve[at] for at in x] for curve in curves])  # (seeds, points)
    if any(len(curve) > len(x) for curve in curves):  # some stopped early
        for curve in curves:
            axes.plot(*zip(*sorted(curve.items()), strict=True), color=style.color, linewidth=0.7, alpha=0.6)
    axes.fill_between(x, values.min(0), values.max(0), color=style.color, alpha=0.18, linewidth=0)
    marker = "o" if len(x) < 3 else None
    named = f"{label} ({len(curves)})"
    axes.plot(x, values.mean(0), style.dashes, color=style.color, linewidth=2, marker=marker, label=named)


def name_lines(figure: Figure, axes: Axes) -> None:
    """Add a legend: among the curves while there is room, else beneath the figure, which grows by it."""
    handles, names = axes.get_legend_handles_labels()
    if len(names) <= ROOM:
        axes.legend(frameon=False)
        return
    columns = 2 if max(map(len, names)) <= 26 else 1
    rows = -(-len(names) // columns)
    figure.set_figheight(SIZE[1] + 0.19 * rows)
    figure.legend(handles, names, loc="outside lower center", ncols=columns, frameon=False, fontsize=8.5)


def surface_figures(runs: list[Run]) -> dict[str, Figure]:
    """Return {fusion: figure} of the mean over seeds, on one scale for all fusions of these data."""
    cells = {fusion: mean_surface(own) for fusion, own in by_fusion(runs).items()}
    cells = {fusion: own for fusion, own in cells.items() if own}
    lowest = min((value for own in cells.values() for value in own.values()), default=0.0)
    low = min(0.95, np.floor(20 * lowest) / 20)
    return {fusion: draw_surface(own, low) for fusion, own in cells.items()}


def mean_surface(runs: list[Run]) -> dict[tuple[float, float], float]:
    """Return {(no_image, no_text): mean accuracy} over the seeds that have the cell."""
    found: dict[tuple[float, float], list[float]] = {}
    for run in runs:
        for row in run.surface:
            found.setdefault((row["no_image"], row["no_text"]), []).append(row["accuracy"])
    return {at: float(np.mean(values)) for at, values in found.items()}


def draw_surface(cells: dict[tuple[float, float], float], low: float) -> Figure:
    """Draw a cell for each pair of rates."""
    figure, axes = small_figure(SURFACE)
    steps = sorted({rate for at in cells for rate in at})
    grid = np.full((len(steps), len(steps)), np.nan)
    for (no_image, no_text), value in cells.items():
        grid[steps.index(no_text), steps.index(no_image)] = value
    shown = axes.imshow(grid, origin="lower", cmap="viridis", vmin=low, vmax=1)
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
    bar = figure.colorbar(shown, shrink=0.8)
    bar.outline.set_visible(False)
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    bar.ax.tick_params(color=RULE, labelcolor=QUIET)
    return figure


def small_figure(size: tuple[float, float]) -> tuple[Figure, Axes]:
    """Return a figure of one panel; its title stands on the page, not in it."""
    figure = Figure(figsize=size, dpi=DPI, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.tick_params(color=RULE, labelcolor=QUIET)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes
