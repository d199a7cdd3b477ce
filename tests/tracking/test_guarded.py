"""A tracker that fails is left out, whichever it is and whatever it was doing, and the run goes on."""

import inspect
import threading

import pytest
from PIL import Image

from multimodal.tracking.disabled import DisabledTracker
from multimodal.tracking.guarded import GuardedTracker
from multimodal.tracking.several import SeveralTrackers
from multimodal.tracking.tracker import Artifact, TrackedRun, Tracker
from tests.tracking.test_several import Spy

RUN = TrackedRun("key", "name", "group", "train", [], {}, resume=True)
METHODS = [
    name
    for name, value in vars(Tracker).items()
    if inspect.isfunction(value) and not name.startswith("_") and name != "fetch"
]


def failing(method: str, error: Exception, base: type = DisabledTracker):
    """A tracker one of whose methods raises."""

    def fails(self, *arguments):
        raise error

    return type("Failing", (base,), {method: fails, "label": "Mine"})()


def use(tracker, folder) -> None:
    """Every method once, as a run calls them; `log` twice."""
    with tracker.open(folder, RUN) as run:
        run.log({"step": 1})
        run.log({"step": 2})
        run.table("predictions/test", [{"class": "a"}])
        run.figures({})
        run.artifact(Artifact("model", "model", [], {}, produced=True))
        run.summary({"test/accuracy": 1.0})
    tracker.publish(folder)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("service"), KeyError("x")])
@pytest.mark.parametrize("method", [*METHODS, "__exit__"])
def test_a_run_goes_on_without_a_tracker_that_fails(tmp_path, caplog, method: str, error: Exception) -> None:
    tracker = GuardedTracker(failing(method, error))
    use(tracker, tmp_path)
    assert tracker.opened
    assert caplog.text.count("Mine failed, and the run goes on without it") == 1
    assert caplog.text.count("\n") == 1


def test_beside_one_that_fails_the_others_get_everything(tmp_path, caplog) -> None:
    whole = Spy()
    use(SeveralTrackers(50, 5, 2, True, {"a": failing("log", OSError(28, "full"), Spy), "b": whole}), tmp_path)
    assert [what for what, _ in whole.told] == ["open", "log", "log", "artifact", "exit"]
    assert caplog.text.count("Mine failed") == 1


def test_an_error_of_the_run_passes(tmp_path) -> None:
    with (
        pytest.raises(KeyError),
        GuardedTracker(failing("__exit__", RuntimeError("service"))).open(tmp_path, RUN),
    ):
        raise KeyError


# TensorBoard writes in a thread of its own, which ends with the error
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_full_disk_ends_tensorboard_and_not_the_run(tmp_path, caplog, monkeypatch) -> None:
    pytest.importorskip("tensorboard", reason="the extra `tensorboard` is not installed")
    from tensorboard.summary.writer import record_writer

    from multimodal.tracking.tensorboard import TensorBoardTracker

    def full(self, data):
        raise OSError(28, "No space left on device")

    Image.new("RGB", (4, 4)).save(tmp_path / "tsne.png")
    tracker, before = GuardedTracker(TensorBoardTracker(50, 5, 0)), threading.enumerate()
    with tracker.open(tmp_path, RUN) as run:
        monkeypatch.setattr(record_writer.RecordWriter, "write", full)
        run.log({"step": 1, "train/loss": 1.0})
        run.figures({"tsne": tmp_path / "tsne.png"})
    for thread in set(threading.enumerate()) - set(before):
        thread.join()  # its error is this test's, not the next one's
    assert "TensorBoard failed, and the run goes on without it: OSError: No space left" in caplog.text
