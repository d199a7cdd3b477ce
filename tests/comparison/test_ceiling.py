"""The ceiling that bounds a model: the mean of those of the runs' splits, and none where an oracle was measured."""

from dataclasses import replace

import pytest

from multimodal.comparison.ceiling import known_ceiling
from multimodal.comparison.fusion_tests import compare_fusions
from multimodal.comparison.run import Run
from tests.helpers.made_up_pairs import two_fusions


def with_limits(runs: list[Run], **limits: float | None) -> list[Run]:
    return [
        replace(run, metrics=run.metrics | {f"task/{name}": value for name, value in limits.items()}) for run in runs
    ]


def test_it_is_the_mean_over_the_splits() -> None:
    first, second = two_fusions(0.0)[:2]
    assert known_ceiling(with_limits([first], ceiling=0.8) + with_limits([second], ceiling=0.9)) == pytest.approx(0.85)


def test_a_lower_bound_and_an_unknown_ceiling_bound_nothing() -> None:
    runs = two_fusions(0.0)
    assert known_ceiling(with_limits(runs, ceiling=0.8, ceiling_measured=1.0)) is None
    assert known_ceiling(with_limits(runs, ceiling=0.8, ceiling_measured=0.0)) == pytest.approx(0.8)
    assert known_ceiling(with_limits(runs[:1], ceiling=None) + with_limits(runs[1:], ceiling=0.8)) is None
    assert known_ceiling([]) is None


def test_fusions_that_beat_an_oracle_are_not_at_the_ceiling_of_the_task() -> None:
    runs = with_limits(two_fusions(0.0), ceiling=0.705)
    runs = [replace(run, metrics=run.metrics | {"accuracy/both": 0.7}) for run in runs]
    assert compare_fusions(runs, margin=0.01)[0].at_ceiling
    measured = with_limits(runs, ceiling_measured=1.0)
    assert not compare_fusions(measured, margin=0.01)[0].at_ceiling


def test_the_ceiling_of_the_first_split_is_not_that_of_all() -> None:
    runs = [replace(run, metrics=run.metrics | {"accuracy/both": 0.7}) for run in two_fusions(0.0)]
    lowest = min(run.seeds for run in runs)
    runs = [run for r in runs for run in with_limits([r], ceiling=0.705 if r.seeds == lowest else 0.95)]
    assert not compare_fusions(runs, margin=0.01)[0].at_ceiling
