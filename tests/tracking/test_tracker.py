"""Every tracker of conf/tracking has the interface that runs and sweeps use, and one that is disabled does nothing."""

import inspect

import pytest
from hydra.utils import instantiate

from multimodal.tracking.disabled import DisabledTracker
from multimodal.tracking.tracker import Tracker
from tests.helpers.toy import options

METHODS = [name for name, value in vars(Tracker).items() if inspect.isfunction(value) and name != "__init__"]


@pytest.mark.parametrize("option", options("tracking"))
def test_a_tracker_has_every_method_with_its_arguments(config, option: str) -> None:
    tracker = instantiate(config(f"tracking={option}").tracking)
    assert not tracker.opened
    for name in ("open", "log", "summary", "figures", "publish", "__enter__", "__exit__"):
        assert name in METHODS
        expected = list(inspect.signature(getattr(Tracker, name)).parameters)[1:]
        assert list(inspect.signature(getattr(tracker, name)).parameters) == expected, name


def test_disabled_writes_nothing(tmp_path) -> None:
    tracker = DisabledTracker()
    with tracker.open(tmp_path, "name", "group", [], {}):
        tracker.log({"step": 1})
        tracker.summary({"accuracy/both": None})
        tracker.figures({})
        tracker.publish(tmp_path)
    assert tracker.opened
    assert not list(tmp_path.iterdir())


def test_disabled_lets_an_error_pass(tmp_path) -> None:
    with pytest.raises(KeyError), DisabledTracker().open(tmp_path, "name", "group", [], {}):
        raise KeyError
