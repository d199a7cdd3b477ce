"""Accuracy over the budget: which groups are joined, and what is drawn of them."""

from dataclasses import replace

import numpy as np

from multimodal.comparison.budget_figure import budget_figures
from multimodal.comparison.budgets import by_budget
from multimodal.comparison.comparison_figures import line_styles
from multimodal.comparison.grouping import by_group
from multimodal.comparison.run import Run
from tests.helpers.made_up_pairs import made_up_run
from tests.helpers.made_up_results import check_layout


def run(fusion: str, seed: int, accuracy: float | None, setting: str) -> Run:
    made = made_up_run(fusion, seed, 0.5, setting=setting)
    metrics = made.metrics | {"accuracy/both": accuracy, "task/ceiling": 0.95, "task/chance": None}
    return replace(made, metrics=metrics)


def runs() -> list[Run]:
    made = [
        run(fusion, seed, 0.6 + 0.1 * seed + 0.0001 * steps, f"task=noisy, training.steps={steps}")
        for fusion in ("attention", "concat")
        for steps in (250, 1000)
        for seed in range(2)
    ]
    return [*made, run("concat", 7, None, "task=noisy, training.steps=1000")]


def test_groups_that_differ_only_in_the_budget_are_joined() -> None:
    alone = [run("concat", 0, 0.5, "task=referring, training.steps=250")]
    title = "mnist (embedded), task=noisy"
    assert by_budget(by_group([*runs(), *alone])) == {
        f"{title}, over steps": {steps: f"{title}, training.steps={steps}" for steps in (250, 1000)}
    }


def test_one_budget_has_no_figure() -> None:
    one = [run("concat", 0, 0.5, "task=noisy"), run("concat", 0, 0.5, "task=referring")]
    assert budget_figures(by_group(one), line_styles(["concat"])) == {}


def test_a_line_has_the_mean_of_each_budget_and_the_band_its_seeds() -> None:
    (figure,) = budget_figures(by_group(runs()), line_styles(["attention", "concat"])).values()
    axes = figure.axes[0]
    assert axes.get_xlabel() == "training steps"
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines) == ["attention (2)", "concat (2)", "ceiling"]  # a seed without a value counts for nothing
    np.testing.assert_allclose(lines["concat (2)"].get_xdata(), [250, 1000])
    np.testing.assert_allclose(lines["concat (2)"].get_ydata(), [0.675, 0.75])
    corners = set(map(tuple, np.round(axes.collections[0].get_paths()[0].vertices, 6).tolist()))
    assert {(250, 0.625), (250, 0.725), (1000, 0.7), (1000, 0.8)} <= corners
    check_layout(figure)
