"""Every tracker of conf/tracking has the interface that runs and sweeps use, and one that is disabled does nothing."""

import inspect

import pytest
from hydra.utils import instantiate

from multimodal.tracking.disabled import DisabledTracker
from multimodal.tracking.tracker import Artifact, TrackedRun, Tracker
from tests.helpers.toy import options
from tests.test_structure import FILES, imported, layer

RUN = TrackedRun("key", "name", "group", "train", [], {}, resume=True)
METHODS = [name for name, value in vars(Tracker).items() if inspect.isfunction(value) and name != "__init__"]


@pytest.mark.parametrize("option", options("tracking"))
def test_a_tracker_has_every_method_with_its_arguments(config, option: str) -> None:
    tracker = instantiate(config(f"tracking={option}").tracking, _convert_="all")
    assert not tracker.opened
    assert tracker.label
    for name in ("open", "log", "summary", "figures", "table", "artifact", "fetch", "publish", "__enter__", "__exit__"):
        assert name in METHODS
        expected = list(inspect.signature(getattr(Tracker, name)).parameters)[1:]
        assert list(inspect.signature(getattr(tracker, name)).parameters) == expected, name


LIBRARIES = {"wandb", "wandb_workspaces", "tensorboard", "mlflow"}


def test_a_tracker_that_is_not_chosen_is_not_imported() -> None:
    """What commands import builds on no tracker, and no tracker on the library of another."""
    for file in FILES:
        parts = [module.split(".") for module in imported(file)]
        ours = {part[2] for part in parts if part[:2] == ["multimodal", "tracking"] and len(part) > 2}
        libraries = {module.split(".")[0] for module in imported(file)} & LIBRARIES
        if layer(file) != "tracking":
            assert ours <= {"tracker", "progress", "results", "guarded", "artifacts"}, file
        elif file.stem.partition("_")[0] in LIBRARIES:
            assert libraries <= {file.stem.partition("_")[0], f"{file.stem.partition('_')[0]}_workspaces"}, file
        else:
            assert not ours & LIBRARIES, file
            assert not libraries, file


def test_disabled_writes_nothing(tmp_path) -> None:
    tracker = DisabledTracker()
    with tracker.open(tmp_path, RUN):
        tracker.log({"step": 1})
        tracker.summary({"accuracy/both": None})
        tracker.figures({})
        tracker.table("predictions/test", [{"class": "a"}])
        tracker.artifact(Artifact("model", "model", [tmp_path / "best.pt"], {}, produced=True))
        tracker.publish(tmp_path)
        assert tracker.fetch(tmp_path) == tmp_path
    assert tracker.opened
    assert not list(tmp_path.iterdir())


def test_disabled_lets_an_error_pass(tmp_path) -> None:
    with pytest.raises(KeyError), DisabledTracker().open(tmp_path, RUN):
        raise KeyError
