from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from multimodal.comparison.comparison_figures import (
    availability_figures,
    draw_band,
    draw_surface,
    learning_figures,
    line_styles,
    surface_figures,
)
from multimodal.comparison.reading import Run, read_runs
from tests.helpers.made_up_results import check_layout
from tests.helpers.made_up_runs import make_run


def runs(folder: Path) -> list[Run]:
    for seed in range(3):
        make_run(folder, "attention", seed, 0.05, steps=4)
        make_run(folder, "concat", seed, steps=2 if seed == 1 else 4)  # stopped early
    return read_runs(folder)[0]


def test_the_mean_ends_where_the_first_seed_does(tmp_path: Path) -> None:
    figures = learning_figures(runs(tmp_path), line_styles(["attention", "concat"]))
    assert list(figures) == ["loss"]
    lines = figures["loss"].axes[0].lines
    thick = {line.get_label(): line.get_xdata() for line in lines if line.get_linewidth() > 1}
    assert {name: list(x) for name, x in thick.items()} == {"attention (3)": [10, 20, 30, 40], "concat (3)": [10, 20]}
    thin = [list(line.get_xdata()) for line in lines if line.get_linewidth() < 1]
    assert sorted(map(len, thin)) == [2, 4, 4]


def test_line_and_band_are_mean_and_extremes() -> None:
    axes = Figure().add_subplot()
    draw_band(axes, [{0.0: 1.0, 1.0: 5.0}, {0.0: 2.0, 1.0: 1.0}], line_styles(["a"])["a"], "a")
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [1.5, 3.0])
    corners = axes.collections[0].get_paths()[0].vertices
    assert {(0, 1), (0, 2), (1, 1), (1, 5)} <= set(map(tuple, corners.tolist()))


def test_one_modality_is_missing_while_the_other_is_there(tmp_path: Path) -> None:
    figures = availability_figures(runs(tmp_path), line_styles(["attention", "concat"]))
    line = figures["missing captions"].axes[0].lines[1]
    assert line.get_label() == "concat (3)"
    np.testing.assert_allclose(line.get_ydata(), 0.8012 - 0.2 * np.array([0, 0.5, 1]))


def test_surfaces_of_a_dataset_share_their_colours(tmp_path: Path) -> None:
    figures = surface_figures(runs(tmp_path))
    shown = [figure.axes[0].images[0] for figure in figures.values()]
    assert {image.get_clim() for image in shown} == {(0.6, 1.0)}
    first, second = (image.get_array() for image in shown)
    np.testing.assert_allclose((first - second).compressed(), 0.05)
    assert second[2, 0] == pytest.approx(0.6012)  # rows: without caption
    assert second.mask[2, 2]  # nothing is left there


@pytest.mark.parametrize("steps", [2, 11])
def test_a_surface_has_all_of_its_labels(steps: int) -> None:
    rates = np.linspace(0, 1, steps)
    check_layout(draw_surface({(i, t): 0.5 for i in rates for t in rates if i + t < 1.001}, 0.5))


def test_fusions_can_be_told_apart() -> None:
    assert len(set(line_styles([f"fusion {i}" for i in range(28)]).values())) == 28


def test_runs_without_a_history_have_no_curves(tmp_path: Path) -> None:
    make_run(tmp_path, "a", 0, steps=0)
    assert learning_figures(read_runs(tmp_path)[0], line_styles(["a"])) == {}


def test_no_line_runs_through_the_legend_however_many_there_are(tmp_path: Path) -> None:
    baselines = {"frequent_label": {"availability/mean": 0.7}}
    made = 2 * runs(tmp_path)
    for count in (2, 12):
        named = [replace(run, fusion=f"fusion {i}", baselines=baselines) for i, run in enumerate(made[:count])]
        for figure in availability_figures(named, line_styles([run.fusion for run in named])).values():
            check_layout(figure)
            (legend,), (axes,) = figure.legends, figure.axes
            assert len(legend.texts) == count + 1
            assert legend.get_window_extent().y1 < axes.get_tightbbox().y0
