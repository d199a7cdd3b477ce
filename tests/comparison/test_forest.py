"""The forest plot: where its marks stand, and that everything fits with few and many fusions and long names."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg

from multimodal.comparison.forest import (
    MARKS,
    ROWS,
    ForestPanel,
    ForestRow,
    Mark,
    draw_forest,
    limits,
    numbers_of,
    split_panel,
    wrapped,
)
from multimodal.comparison.forest_beside import draw_forest_beside
from multimodal.figures.layout import BLUE, ORANGE
from multimodal.metric.catalogue import POINTS
from tests.helpers.made_up_results import check_layout

SEEDS = (-0.01, 0.0, 0.01)


def row(label: str, mean: float = 0.02, largest: float | None = 0.05, group: str = "toy (embedded)") -> ForestRow:
    differences = tuple(mean + x for x in SEEDS)
    mark = Mark.SIGNIFICANT if abs(mean) > 0.025 else Mark.NONE
    return ForestRow(group, label, label, differences, mean, (mean - 0.025, mean + 0.025), mark, largest)


def drawn(rows: list[ForestRow]) -> Axes:
    (axes,) = draw_forest(ForestPanel("question", rows), 0.01, POINTS).axes
    return axes


def marks(axes: Axes, marker: str) -> list[list[float]]:
    return [list(line.get_xdata()) for line in axes.lines if line.get_marker() == marker]


def test_the_marks_stand_at_mean_seeds_interval_and_ceiling_in_points() -> None:
    axes = drawn([row("a − b")])
    np.testing.assert_allclose(marks(axes, "D"), [[2.0]])
    np.testing.assert_allclose(marks(axes, "."), [[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(marks(axes, "|"), [[5.0]])
    intervals = [x for x in marks(axes, "None") if len(x) == 2 and x[0] != x[1]]
    np.testing.assert_allclose(intervals, [[-0.5, 4.5]])
    (band,) = axes.patches
    assert (band.get_x(), band.get_width()) == (-1, 2)
    low, high = axes.get_xlim()
    assert low < -1
    assert high > 5


def test_a_significant_difference_is_filled_with_the_colour_of_its_side() -> None:
    rows = [row("better", 0.1), row("worse", -0.1), row("none", 0.0)]
    faces = [line.get_markerfacecolor() for line in drawn(rows).lines if line.get_marker() == "D"]
    assert faces == [BLUE, ORANGE, "white"]


def test_each_outcome_has_a_mark_of_its_own_and_only_those_that_occur_stand_in_the_legend() -> None:
    rows = [replace(row(mark.name), mark=mark) for mark in Mark]
    means = [line for line in drawn(rows).lines if line.get_marker() in "Do"]
    shapes = [(line.get_marker(), line.get_fillstyle(), line.get_markerfacecolor()) for line in means]
    assert shapes == [("D", "full", BLUE), ("D", "left", BLUE), ("D", "full", "white"), ("o", "full", "white")]
    for some in ([Mark.FEW], [Mark.NONE, Mark.SAMPLES]):
        panel = ForestPanel("question", [replace(row(mark.name), mark=mark) for mark in some])
        (legend,) = draw_forest(panel, 0.01, POINTS).legends
        texts = {text.get_text() for text in legend.texts}
        assert texts & {mark.value for mark in Mark} == {mark.value for mark in some}


def test_zero_line_and_margin_run_through_no_text() -> None:
    axes = drawn([row("a − b"), row("a longer name of two fusions that takes more lines − another one")])
    figure = axes.figure
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    grounds = [patch.get_window_extent(renderer) for patch in axes.patches]
    assert len(grounds) == 2
    zeros = [line for line in axes.lines if list(line.get_xdata()) == [0, 0]]
    assert len(zeros) == 2
    for text in axes.texts:
        box = text.get_window_extent(renderer)
        for mark in [*grounds, *(line.get_window_extent(renderer) for line in zeros)]:
            assert not (box.y0 < mark.y1 - 1 and mark.y0 + 1 < box.y1)


def test_a_far_ceiling_is_an_arrow_at_the_edge_and_squeezes_nothing() -> None:
    near, far = row("near", largest=0.05), row("far", largest=0.9)
    assert limits([near, far], 0.01) == limits([near], 0.01)
    axes = drawn([near, far])
    np.testing.assert_allclose(marks(axes, ">"), [[axes.get_xlim()[1]]])
    assert "of +90.0" in [text.get_text() for text in axes.texts][-1]


def test_one_seed_has_no_interval_and_an_unknown_ceiling_no_mark() -> None:
    alone = ForestRow("toy", "a", "a − b", (0.02,), 0.02, None, Mark.FEW, None)
    assert numbers_of(alone, POINTS) == "+2.0"
    axes = drawn([alone])
    assert marks(axes, "|") == marks(axes, ">") == []


def test_a_long_plot_is_divided_between_groups() -> None:
    rows = [row(f"fusion {i}", group=f"group {k}") for k in range(4) for i in range(15)]
    parts = split_panel(ForestPanel("question", rows))
    assert [part.title for part in parts] == ["question (1 of 2)", "question (2 of 2)"]
    assert [len(part.rows) for part in parts] == [30, 30]
    assert [row for part in parts for row in part.rows] == rows
    many = ForestPanel("question", [row(f"fusion {i}") for i in range(ROWS + 1)])
    assert split_panel(many) == [many]  # one group is one plot


NAMES = {
    "few": ["attention − concat", "film − concat"],
    "many": [f"fusion_{i} − concat" for i in range(15)],
    "long": ["product_of_experts num_layers=4, dropout=0.1, code=0f3a9c − concat hidden=512, code=77aa10", "0f3a" * 30],
    "odd": ["a$b$ & 50 % − c_d^e", ""],
}


@pytest.mark.parametrize(("names", "panels"), [("few", 1), ("many", 1), ("few", 3), ("long", 3), ("odd", 1)])
def test_all_text_lies_inside_and_none_on_another(names: str, panels: int) -> None:
    title = "toy (embedded), task=noisy, training.steps=250, code=0123456789abcdef"
    panel = ForestPanel("Against the product of its own two answers", [row(n, group=title) for n in NAMES[names]])
    figure = draw_forest(panel, 0.01, POINTS) if panels == 1 else draw_forest_beside([panel] * panels, 0.01, POINTS)
    check_layout(figure)


def test_a_fusion_has_the_same_row_in_every_column_and_none_where_it_was_not_tested() -> None:
    attention, film = row("attention"), row("film", mean=0.03)
    panels = [ForestPanel("reference", [film]), ForestPanel("control", [attention, film])]
    text, *columns = draw_forest_beside(panels, 0.01, POINTS).axes
    lines = [[line for line in axes.lines if line.get_marker() == "D"] for axes in columns]
    heights = [[float(line.get_ydata()[0]) for line in own] for own in lines]
    assert [len(own) for own in heights] == [1, 2]
    assert heights[0][0] in heights[1]
    places = {t.get_text(): t.get_position()[1] for t in text.texts}
    assert list(places) == ["toy (embedded)", "film", "attention"]
    assert abs(places["film"] - heights[0][0]) < MARKS


def test_a_long_name_is_broken_between_words_and_then_within_the_names_of_settings() -> None:
    assert wrapped("concat modality_dropout.image=0.25 − modality_dropout.image=0.5", 22) == [
        "concat modality_",
        "dropout.image=0.25 −",
        "modality_dropout.",
        "image=0.5",
    ]
    assert wrapped("", 22) == [""]
