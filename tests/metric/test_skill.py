"""Skill at its marks: blind, best, worse than blind, no room."""

import pytest

from multimodal.metric.skill import LEAST_ROOM, skill


@pytest.mark.parametrize(("score", "expected"), [(0.4, 0.0), (0.9, 1.0), (0.65, 0.5), (0.15, -0.5), (1.0, 1.0)])
def test_share_of_the_room_between_blind_and_best(score, expected) -> None:
    assert skill(score, blind=0.4, best=0.9) == pytest.approx(expected)


def test_zero_is_a_score_and_a_skill() -> None:
    assert skill(0.0, blind=0.0, best=1.0) == 0.0


@pytest.mark.parametrize("best", [0.98, 0.95, 0.5])
def test_none_without_room(best) -> None:
    assert skill(0.97, blind=0.95, best=best) is None


def test_the_least_room_counts() -> None:
    assert skill(LEAST_ROOM, blind=0.0, best=LEAST_ROOM) == 1
