"""Runs at chance: counted, named, and seen beside the median."""

from dataclasses import replace

import pytest

from multimodal.comparison.collapse import collapsed
from multimodal.comparison.run import Run
from multimodal.comparison.wording import sentence
from tests.helpers.made_up_pairs import made_up_run, primary_test

CARD = {"classes": {"test": dict.fromkeys("abcdefghij", 36)}}


def run_of(fusion: str, seed: int, accuracy: float) -> Run:
    """A run of ten classes and 360 test samples."""
    return replace(made_up_run(fusion, seed, accuracy), card=CARD)


@pytest.mark.parametrize(
    ("accuracy", "expected"), [(0.1, True), (0.02, True), (0.12, True), (0.135, False), (1, False)]
)
def test_what_chance_gives_is_a_collapse(accuracy: float, expected: bool) -> None:
    """Of 360 samples, more than 46 right are unlikely at 10 %."""
    assert collapsed(run_of("attention", 0, accuracy)) == expected


def test_the_most_frequent_class_is_that_of_training_where_it_is_known() -> None:
    run = replace(run_of("attention", 0, 0.3), baselines={"frequent_label": {"accuracy/both": 0.3}})
    assert collapsed(run)


@pytest.mark.parametrize(("limit", "expected"), [(0.68, True), (0.12, False), (None, False)])
def test_a_control_collapses_where_its_modality_tells_something(limit: float | None, expected: bool) -> None:
    run = run_of("image_only", 0, 0.1)
    limits = {"task/image_ceiling": limit, "task/text_ceiling": 0.9}
    assert collapsed(replace(run, metrics=run.metrics | limits)) == expected
    assert not collapsed(replace(run, metrics=run.metrics | limits | {"accuracy/both": 0.5}))


def test_controls_without_limits_and_unknown_sizes_do_not_collapse() -> None:
    assert not collapsed(run_of("image_only", 0, 0.1))
    assert not collapsed(replace(run_of("attention", 0, 0.1), card={}))


def test_one_collapsed_run_does_not_hide_a_winner() -> None:
    """The mean says +15 points and anything between a loss and a win; the median and the count say what happened."""
    values = (0.79, 0.8, 0.81, 0.8, 0.79, 0.1)
    runs = [run_of("attention", seed, value) for seed, value in enumerate(values)]
    runs += [run_of("concat", seed, 0.5) for seed in range(6)]
    test = primary_test(runs)
    assert test.collapses == (1, 0)
    assert test.median == pytest.approx(0.295)
    assert not test.significant
    assert "points [−11.7, +48.1], median +29.5, in accuracy with both, 6 seeds, 1 run of attention at chance:" in (
        sentence(test)
    )
