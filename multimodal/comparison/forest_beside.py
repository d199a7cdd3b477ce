"""The forest plot of a paper: one column for each question, one row for each fusion, whose name stands at the left."""

import textwrap
from itertools import accumulate
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from multimodal.comparison.forest import (
    CHARACTERS,
    DPI,
    FOOT,
    GAP,
    HEAD,
    LINE,
    MARKS,
    SIDE,
    SIZE,
    SPACE,
    ForestPanel,
    ForestRow,
    draw_axis,
    draw_ground,
    draw_legend,
    draw_row,
    legend_height,
    limits,
    place_text,
    rows_by_group,
    wrapped,
)
from multimodal.figures.layout import INK
from multimodal.metric.catalogue import Unit

PAPER = 6.9  # inches: width of two columns of a paper
NAMES = 1.5  # inches: at most, of the column of names


class Place(NamedTuple):
    """A group's heading, or the row of a fusion in it (else empty): its lines of text, and its height in inches."""

    group: str
    name: str
    lines: list[str]
    height: float


def draw_forest_beside(panels: list[ForestPanel], margin: float, unit: Unit) -> Figure:
    """Draw the panels side by side, with one row for the same fusion in all of them; the numbers are in the table.

    Args:
        panels: at least one, each with at least one row.
        margin: differences below it count as equivalent.
        unit: in which differences are displayed.
    """
    rows = [row for panel in panels for row in panel.rows]
    names = min(NAMES, 0.1 + max(len(row.name) for row in rows) / CHARACTERS)
    panel_width = (PAPER - 2 * SIDE - names - len(panels) * GAP) / len(panels)
    titles = [textwrap.wrap(panel.title, int(0.85 * CHARACTERS * panel_width)) for panel in panels]
    places = [place for group, its in rows_by_group(rows).items() for place in placed(group, its, names)]
    inches = sum(place.height for place in places)
    top = HEAD + LINE * max(map(len, titles)) + 0.1
    height = top + inches + FOOT + legend_height(rows, margin, unit, PAPER)
    figure = Figure(figsize=(PAPER, height), dpi=DPI, facecolor="white")

    def add_axes(left: float, width: float) -> Axes:
        axes = figure.add_axes((left / PAPER, (height - top - inches) / height, width / PAPER, inches / height))
        axes.patch.set_visible(False)
        axes.set_ylim(inches, 0)
        return axes

    tops = list(accumulate((place.height for place in places), initial=0.0))[:-1]
    text = add_axes(SIDE, PAPER - 2 * SIDE)
    text.set_axis_off()
    for y, place in zip(tops, places, strict=True):
        for i, line in enumerate(place.lines):
            place_text(text, 0, y + LINE * i, line, "left", INK, "normal" if place.name else "bold")
    for i, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        axes = add_axes(SIDE + names + GAP + i * (panel_width + GAP), panel_width)
        low, high = limits(panel.rows, margin)
        axes.set_xlim(unit.factor * low, unit.factor * high)
        drawn = {(row.group, row.name): row for row in panel.rows}
        for y, place in zip(tops, places, strict=True):
            if (row := drawn.get((place.group, place.name))) is not None:
                draw_ground(axes, y, unit.factor * margin)
                draw_row(axes, row, y, unit, high)
        draw_axis(axes, unit)
        axes.set_title("\n".join(title), loc="left", fontsize=SIZE + 0.5, weight="bold", color=INK, parse_math=False)
    draw_legend(figure, rows, margin, unit, PAPER)
    return figure


def placed(group: str, rows: list[ForestRow], width: float) -> list[Place]:
    """Return the heading of a group and a place for each name in it, which has so many inches."""
    heading = textwrap.wrap(group, int(0.85 * CHARACTERS * (PAPER - 2 * SIDE))) or [""]
    names = {name: wrapped(name, int(CHARACTERS * width)) for name in dict.fromkeys(r.name for r in rows)}
    places = [Place(group, name, lines, max(MARKS, LINE * len(lines)) + SPACE) for name, lines in names.items()]
    return [Place(group, "", heading, LINE * len(heading) + SPACE / 2), *places]
