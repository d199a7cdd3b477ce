"""How often the rules of a comparison err, over a population of trainings and of test samples.

A sweep is drawn anew each time, with new seeds and new test samples, and told in words as a report does.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from multimodal.comparison import fusion_tests, sample_intervals
from multimodal.comparison.fusion_tests import compare_fusions
from multimodal.comparison.pairwise_test import BARS, PairwiseTest
from multimodal.metric import catalogue
from multimodal.metric.catalogue import primary, spec_of
from multimodal.metric.statistics import t_interval
from tests.helpers.population import LUCK, answers_of, sweep_of

pytestmark = pytest.mark.slow
MARGIN = 0.01
LEAST = 3  # standard errors of a simulated share that are no failure

Simulation = Callable[..., list[PairwiseTest]]


@pytest.fixture
def simulate(monkeypatch: pytest.MonkeyPatch) -> Simulation:
    """A function that draws a sweep and tests it in the primary metric alone."""
    monkeypatch.setattr(catalogue, "CATALOGUE", (primary(), spec_of("fusion/product")))
    monkeypatch.setattr(sample_intervals, "RESAMPLES", 400)

    def draw(
        rng: np.random.Generator,
        accuracies: dict[str, float],
        seeds: int = 6,
        size: int = 360,
        luck: float = LUCK,
        datasets: int = 1,
        splits: int = 1,
        suits: float = 0.0,
    ) -> list[PairwiseTest]:
        runs, answers = [], {}
        for i, split in product(range(datasets), range(splits)):
            worth = {name: accuracy + (suits and rng.normal(0, suits)) for name, accuracy in accuracies.items()}
            own, stored = sweep_of(rng, worth, seeds, size, luck, f"{i}", split)
            runs, answers = runs + own, answers | stored
        monkeypatch.setattr(fusion_tests, "sample_values", lambda run: answers[run.folder])
        return compare_fusions(runs, MARGIN)

    return draw


def told(test: PairwiseTest) -> bool:
    """Whether a difference is told without a reservation."""
    return test.significant and not test.sample_dependent


def at_most(share: float, count: int, limit: float) -> bool:
    return share <= limit + LEAST * np.sqrt(limit * (1 - limit) / count)


@pytest.mark.parametrize("luck", [0.0, LUCK, 0.3])
@pytest.mark.parametrize("size", [60, 360, 1000])
def test_equal_fusions_are_seldom_told_apart(simulate: Simulation, size: int, luck: float) -> None:
    rng = np.random.default_rng(0)
    alarms = [told(simulate(rng, {"film": 0.85, "concat": 0.85}, size=size, luck=luck)[0]) for _ in range(800)]
    assert at_most(float(np.mean(alarms)), len(alarms), 0.05)


@pytest.mark.parametrize("suits", [0.0, 0.03])  # s.d. of what a split changes in the worth of a fusion
@pytest.mark.parametrize(("splits", "seeds"), [(2, 3), (3, 2), (3, 6), (5, 3), (6, 2)])
def test_equal_fusions_are_seldom_told_apart_over_splits(
    simulate: Simulation, splits: int, seeds: int, suits: float
) -> None:
    """Pairs of runs on one split are no independent ones: taken as such, 2 splits erred in a quarter of the cases."""
    rng, accuracies = np.random.default_rng(0), {"film": 0.85, "concat": 0.85}
    drawn = [simulate(rng, accuracies, seeds, splits=splits, suits=suits)[0] for _ in range(600)]
    assert at_most(float(np.mean([told(test) for test in drawn])), len(drawn), 0.05)
    covered = [test.interval[0] <= 0 <= test.interval[1] for test in drawn if test.interval]
    assert not covered or np.mean(covered) == pytest.approx(0.95, abs=0.03)


def test_a_few_splits_show_a_clear_difference(simulate: Simulation) -> None:
    """Else a rule that never says so would pass."""
    rng, accuracies = np.random.default_rng(0), {"film": 0.95, "concat": 0.8}
    shown = [told(simulate(rng, accuracies, 2, splits=3, suits=0.01)[0]) for _ in range(100)]
    assert np.mean(shown) > 0.8


def test_a_family_raises_a_false_alarm_in_one_sweep_of_twenty(simulate: Simulation) -> None:
    """Two datasets, three fusions and two controls, all equal, and so are the products of their own answers."""
    rng, names = np.random.default_rng(0), ("attention", "film", "concat")
    accuracies = dict.fromkeys((*names, "image_only", "text_only", *(f"{name}/product" for name in names)), 0.8)
    alarms = {True: 0, False: 0}  # {whether it is the family of the bars: sweeps with an alarm}
    for _ in range(150):
        tests = simulate(rng, accuracies, datasets=2)
        for bars in alarms:
            alarms[bars] += any(told(test) for test in tests if (test.kind in BARS) == bars)
    assert all(at_most(count / 150, 150, 0.05) for count in alarms.values())


@pytest.mark.parametrize("luck", [0.0, LUCK, 0.3])
@pytest.mark.parametrize("size", [360, 2000, 10_000])
def test_fusions_as_far_apart_as_the_margin_are_seldom_told_equivalent(
    simulate: Simulation, size: int, luck: float
) -> None:
    rng, count = np.random.default_rng(0), 150 if size > 5000 else 500
    accuracies = {"film": 0.95 + MARGIN / 2, "concat": 0.95 - MARGIN / 2}
    equivalent = [simulate(rng, accuracies, size=size, luck=luck)[0].equivalent for _ in range(count)]
    assert at_most(float(np.mean(equivalent)), count, 0.05)


def test_equal_fusions_are_told_equivalent_where_samples_are_enough(simulate: Simulation) -> None:
    """Else a rule that never says so would pass."""
    rng = np.random.default_rng(0)
    shares = [
        np.mean([simulate(rng, {"film": 0.98, "concat": 0.98}, size=size, luck=0.02)[0].equivalent for _ in range(60)])
        for size in (360, 10_000)
    ]
    assert shares[0] < 0.2
    assert shares[1] > 0.9


@pytest.mark.parametrize(("accuracies", "size"), [((0.95, 0.6), 60), ((0.9, 0.85), 150), ((0.99, 0.98), 1000)])
def test_intervals_over_samples_cover_what_the_trained_models_are_worth(
    accuracies: tuple[float, float], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exact one never covers less than its level; the bootstrap is within three points of it."""
    monkeypatch.setattr(sample_intervals, "RESAMPLES", 400)
    rng = np.random.default_rng(0)
    covered, population = [], 200_000
    right = answers_of(rng, list(accuracies), 6, population, LUCK)
    x = right[0].mean(0) - right[1].mean(0)
    for _ in range(1500):
        low, high = sample_intervals.sample_interval(x[rng.integers(population, size=size)])["sample_interval"]
        covered.append(low <= x.mean() <= high)
    assert np.mean(covered) >= 0.92
    assert np.mean(covered) <= (0.98 if size >= 200 else 1)


@pytest.mark.parametrize("seeds", [6, 12])
def test_intervals_over_seeds_cover_what_the_fusions_are_worth_on_these_samples(seeds: int) -> None:
    """Their accuracy on these samples over many trainings, however skewed one training is."""
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(300):
        first, second = answers_of(rng, [0.9, 0.85], 400, 200, LUCK).mean(2)  # the same samples for all 400 trainings
        differences = first - second
        low, high = t_interval(differences[:seeds], 0.95)
        covered.append(low <= differences[seeds:].mean() <= high)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize(("size", "luck"), [(360, LUCK), (2000, 0.3)])
def test_the_smallest_difference_that_could_be_seen_is_seen_in_four_of_five(
    simulate: Simulation, size: int, luck: float
) -> None:
    rng = np.random.default_rng(0)
    null = [simulate(rng, {"film": 0.8, "concat": 0.8}, size=size, luck=luck)[0].mdd for _ in range(100)]
    mdd = float(np.sqrt(np.mean(np.square(null))))  # errors are estimated without bias in their squares
    accuracies = {"film": 0.8 + mdd / 2, "concat": 0.8 - mdd / 2}
    shown = [simulate(rng, accuracies, size=size, luck=luck)[0].p_population < 0.05 for _ in range(400)]
    assert 0.75 <= np.mean(shown) <= 0.92


def test_the_question_that_was_asked_keeps_its_power_among_many_fusions(simulate: Simulation) -> None:
    """Thirteen fusions, one of them better: twelve comparisons with the reference, not 78 of all pairs."""
    rng = np.random.default_rng(0)
    accuracies = {f"f{i:02d}": 0.8 for i in range(11)} | {"film": 0.87, "concat": 0.8}
    shown = []
    for _ in range(25):
        tests = simulate(rng, accuracies, size=360)
        (asked,) = (test for test in tests if (test.first, test.second) == ("film", "concat"))
        shown.append(told(asked))
    assert np.mean(shown) > 0.3


def test_a_clear_difference_is_told_on_few_samples(simulate: Simulation) -> None:
    rng = np.random.default_rng(0)
    shown = [told(simulate(rng, {"film": 0.97, "concat": 0.15}, size=60)[0]) for _ in range(200)]
    assert np.mean(shown) > 0.99
