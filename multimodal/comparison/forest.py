"""Forest plot: each comparison in the primary metric as a mean difference with its interval over seeds.

After Lewis and Clarke 2001, https://doi.org/10.1136/bmj.322.7300.1479. Differs: a dot per seed in place of
a square as large as the weight of a study.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from multimodal.figures.layout import BLUE, INK, ORANGE, QUIET, RULE
from multimodal.metric.catalogue import Unit
from multimodal.number_text import MINUS, signed_text

DPI = 200  # a panel of PHONE inches is then legible on a phone, at twice its pixels
PHONE = 3.6  # inches: width of a figure that a phone shows as it is
SIDE, GAP = 0.12, 0.25  # inches: margin of the figure, space between panels
LINE, MARKS, SPACE = 0.155, 0.25, 0.07  # inches: height of a line of text, of interval and dots, space below a row
HEAD, FOOT = 0.12, 0.5  # inches: above the rows, for the axis below them
ENTRY = 1.75  # inches: width of a legend entry
CHARACTERS = 13.0  # that fit an inch
SIZE = 8.0  # points
ROWS = 40  # most rows of a figure; more are divided into several, between groups
BAND = "#e4eef6"


class Mark(Enum):
    """What a test shows, which is how its mean is drawn; the value is its words in the legend."""

    SIGNIFICANT = "mean, significant after Holm"
    SAMPLES = "mean, over seeds only"  # perhaps not on other test samples
    NONE = "mean, not shown to differ"
    FEW = "mean, too few seeds"  # for a test


@dataclass(frozen=True)
class ForestRow:
    """One comparison.

    Args:
        group: title of the group of runs.
        name: the fusion, or the pair where several are of that fusion; the same for every question about it.
        label: names what is compared with what, as far as the panel's title does not.
        differences: one per seed, as shares.
        mean: their mean.
        interval: 95 % interval of the mean over seeds; None with fewer than three seeds.
        mark: what the test shows.
        largest: the largest mean that the task allowed, its ceiling minus the second's mean; None if it is unknown.
    """

    group: str
    name: str
    label: str
    differences: tuple[float, ...]
    mean: float
    interval: tuple[float, float] | None
    mark: Mark
    largest: float | None


@dataclass(frozen=True)
class ForestPanel:
    """Comparisons that answer one question: its title, and the rows, those of a group one after the other."""

    title: str
    rows: list[ForestRow]


def split_panel(panel: ForestPanel) -> list[ForestPanel]:
    """Divide a panel between groups, so that each has at most ROWS rows, unless one group alone has more."""
    parts: list[list[ForestRow]] = [[]]
    for own in rows_by_group(panel.rows).values():
        if parts[-1] and len(parts[-1]) + len(own) > ROWS:
            parts.append([])
        parts[-1] += own
    number = (f" ({i} of {len(parts)})" if len(parts) > 1 else "" for i in range(1, len(parts) + 1))
    return [ForestPanel(panel.title + which, rows) for which, rows in zip(number, parts, strict=True)]


def rows_by_group(rows: list[ForestRow]) -> dict[str, list[ForestRow]]:
    """Return {title of a group: its rows}."""
    return {group: [row for row in rows if row.group == group] for group in dict.fromkeys(row.group for row in rows)}


def draw_forest(panel: ForestPanel, margin: float, unit: Unit) -> Figure:
    """Draw a panel as wide as a phone, each row below the line that names it and gives its numbers.

    Args:
        panel: at least one row.
        margin: differences below it count as equivalent.
        unit: in which differences are displayed.
    """
    layout = list(placed_lines(panel, unit, int(CHARACTERS * (PHONE - 2 * SIDE))))
    own = sum(part.height for part in layout)
    height = HEAD + own + FOOT + legend_height(panel.rows, margin, unit, PHONE)
    figure = Figure(figsize=(PHONE, height), dpi=DPI, facecolor="white")
    axes = figure.add_axes((SIDE / PHONE, (height - HEAD - own) / height, 1 - 2 * SIDE / PHONE, own / height))
    draw_rows(axes, panel.rows, layout, margin, unit)
    draw_axis(axes, unit)
    draw_legend(figure, panel.rows, margin, unit, PHONE)
    return figure


class PlacedLines(NamedTuple):
    """The lines above a row's marks, or the heading of a group, with the height of all in inches."""

    row: ForestRow | None
    lines: list[str]
    numbers: str
    height: float


def placed_lines(panel: ForestPanel, unit: Unit, characters: int) -> Iterator[PlacedLines]:
    """Yield headings and rows from top to bottom, their text in lines of at most so many characters."""
    for group, rows in rows_by_group(panel.rows).items():
        heading = textwrap.wrap(group, int(0.85 * characters)) or [""]  # in bold
        yield PlacedLines(None, heading, "", LINE * len(heading) + SPACE / 2)
        for row in rows:
            numbers = numbers_of(row, unit)
            lines = wrapped(row.label, characters - 2)
            if len(lines[-1]) + len(numbers) + 2 > characters:
                lines.append("")  # the numbers get a line of their own
            yield PlacedLines(row, lines, numbers, LINE * len(lines) + MARKS + SPACE)


class NameWrapper(textwrap.TextWrapper):
    """Breaks lines between words and, where one is longer than a line, within the names of settings."""

    wordsep_simple_re = re.compile(r"(\s+)|(?<=[._=])")


def wrapped(name: str, characters: int) -> list[str]:
    """Break a row's name into lines of at most so many characters: `concat modality_dropout.` and `image=0.1`."""
    return NameWrapper(characters, break_on_hyphens=False).wrap(name) or [""]


def numbers_of(row: ForestRow, unit: Unit) -> str:
    """Format the mean difference, its interval, and the largest that was possible: `+1.2 [+0.9, +1.5] of +4.0`."""
    text = shown(row.mean, unit)
    if row.interval is not None:
        text += f" [{', '.join(shown(end, unit) for end in row.interval)}]"
    return text + ("" if row.largest is None else f" of {shown(row.largest, unit)}")


def shown(value: float, unit: Unit) -> str:
    """Format a difference in its unit with a sign; a rounded zero gets a plus."""
    return signed_text(unit.factor * value, unit.digits)


def draw_rows(axes: Axes, rows: list[ForestRow], layout: list[PlacedLines], margin: float, unit: Unit) -> None:
    """Draw the rows from top to bottom; the axis has the differences in their unit, and inches downwards."""
    low, high = limits(rows, margin)
    axes.set_xlim(unit.factor * low, unit.factor * high)
    axes.set_ylim(sum(part.height for part in layout), 0)
    y = 0.0
    for row, lines, numbers, height in layout:
        for i, line in enumerate(lines):
            place_text(axes, 0, y + LINE * i, line, "left", INK, "bold" if row is None else "normal")
        if row is not None:
            place_text(axes, 1, y + LINE * (len(lines) - 1), numbers, "right", QUIET, "normal")
            draw_ground(axes, y + LINE * len(lines), unit.factor * margin)
            draw_row(axes, row, y + LINE * len(lines), unit, high)
        y += height


def draw_axis(axes: Axes, unit: Unit) -> None:
    """Draw the axis of differences below the rows."""
    axes.set_yticks([])
    axes.spines[["left", "top", "right"]].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.xaxis.set_major_locator(MaxNLocator(max(3, int(2.6 * axes.bbox.width / axes.figure.dpi)), steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:+g}".replace("-", MINUS) if x else "0")
    axes.tick_params(color=RULE, labelcolor=QUIET, labelsize=SIZE - 0.5)
    axes.set_xlabel(f"difference in {unit.name}" if unit.name else "difference", fontsize=SIZE, color=QUIET)


def place_text(axes: Axes, x: float, y: float, text: str, side: str, color: str, weight: str) -> None:
    """Write one line below `y`."""
    style: dict[str, Any] = {"fontsize": SIZE, "color": color, "weight": weight, "parse_math": False}
    where = axes.get_yaxis_transform()
    axes.text(x, y + LINE / 2, text, transform=where, ha=side, va="center", clip_on=False, **style)


def draw_ground(axes: Axes, y: float, margin: float) -> None:
    """Draw the zero line and the band of the margin below the height `y`, behind a row's marks and beside no text."""
    axes.add_patch(Rectangle((-margin, y), 2 * margin, MARKS, color=BAND, linewidth=0))
    axes.plot([0, 0], [y, y + MARKS], color=QUIET, linewidth=0.9, zorder=2)


def draw_row(axes: Axes, row: ForestRow, y: float, unit: Unit, high: float) -> None:
    """Draw interval, mean and largest possible difference below the height `y`, and the dots below them."""
    y, below = y + 0.35 * MARKS, y + 0.85 * MARKS
    color = side_color(row)
    if row.interval is not None:
        axes.plot([unit.factor * end for end in row.interval], [y, y], color=color, linewidth=1.6, zorder=3)
    dots = unit.factor * np.asarray(row.differences)
    axes.plot(dots, np.full(len(dots), below), ".", color=INK, markersize=5, alpha=0.5, markeredgewidth=0, zorder=4)
    axes.plot(unit.factor * row.mean, y, zorder=5, **mark_style(row.mark, color))
    if row.largest is not None:
        inside = row.largest <= high
        at = unit.factor * (row.largest if inside else high)
        style: dict[str, Any] = {"color": INK, "linestyle": "none", "clip_on": False, "markeredgewidth": 1.2}
        axes.plot(at, y, marker="|" if inside else ">", markersize=9 if inside else 4, **style)


def side_color(row: ForestRow) -> str:
    """Return the colour of the better side of a significant difference, or grey."""
    return (BLUE if row.mean > 0 else ORANGE) if row.mark in (Mark.SIGNIFICANT, Mark.SAMPLES) else QUIET


def mark_style(mark: Mark, color: str) -> dict[str, Any]:
    """Return how a mean is drawn: filled, half filled or hollow diamonds, and a circle where there is no test."""
    style: dict[str, Any] = {"color": color, "linestyle": "none", "markersize": 5, "markeredgewidth": 1.2}
    style |= {"marker": "o" if mark is Mark.FEW else "D", "markerfacecolor": "white"}
    if mark is Mark.SAMPLES:
        style |= {"fillstyle": "left", "markerfacecolor": color, "markerfacecoloralt": "white"}
    return style | ({"markerfacecolor": color} if mark is Mark.SIGNIFICANT else {})


def limits(rows: list[ForestRow], margin: float) -> tuple[float, float]:
    """Return the ends of the axis: around all seeds and intervals, and around ceilings that do not squeeze them."""
    ends = [x for row in rows for x in (*row.differences, *(row.interval or ()))]
    low, high = min(-1.5 * margin, *ends), max(1.5 * margin, *ends)
    near = [row.largest for row in rows if row.largest is not None and row.largest <= high + (high - low) / 2]
    high = max(high, *near) if near else high
    room = 0.04 * (high - low)
    return low - room, high + room


def legend_columns(width: float) -> int:
    """Return how many legend entries stand side by side in a figure of so many inches."""
    return max(1, int(width / ENTRY))


def legend_height(rows: list[ForestRow], margin: float, unit: Unit, width: float) -> float:
    """Return the height of the legend, inches."""
    return LINE * -(-len(legend_entries(rows, margin, unit)) // legend_columns(width)) + 0.1


def draw_legend(figure: Figure, rows: list[ForestRow], margin: float, unit: Unit, width: float) -> None:
    """Draw the legend at the foot of a figure of so many inches."""
    entries = legend_entries(rows, margin, unit)
    figure.legend(
        [*entries.values()],
        [*entries],
        loc="lower left",
        ncols=legend_columns(width),
        fontsize=SIZE - 1,
        frameon=False,
        labelcolor=QUIET,
        handler_map={tuple: HandlerTuple(ndivide=None)},
        borderpad=0.3,
        columnspacing=1.2,
    )


def legend_entries(rows: list[ForestRow], margin: float, unit: Unit) -> dict[str, Any]:
    """Return {explanation: mark}, of the means as far as they are drawn."""
    width = f"{unit.factor * margin:g}"
    width = f"{width} {unit.name.removesuffix('s') if width == '1' else unit.name}".strip()
    means: dict[str, Any] = {}
    for mark in Mark:
        if mark in {row.mark for row in rows}:
            sides = (BLUE, ORANGE) if mark in (Mark.SIGNIFICANT, Mark.SAMPLES) else (QUIET,)
            means[mark.value] = tuple(Line2D([], [], **mark_style(mark, color)) for color in sides)
    return means | {
        "95 % interval over seeds": Line2D([], [], color=QUIET, linewidth=1.6),
        "a seed": Line2D([], [], marker=".", linestyle="none", color=INK, alpha=0.5, markeredgewidth=0),
        f"margin: {width}": Patch(color=BAND),
        "largest possible mean, ▸ outside": Line2D([], [], marker="|", linestyle="none", color=INK, markersize=9),
    }
