"""Several trackers at once, chosen on the command line; what each is told and what each writes."""

import pytest
from hydra.errors import InstantiationException
from hydra.utils import instantiate

from multimodal.runs.overrides import check_overrides
from multimodal.runs.settings import explain
from multimodal.tracking.disabled import DisabledTracker
from multimodal.tracking.several import SeveralTrackers
from multimodal.tracking.tracker import Artifact, Detail, TrackedRun
from tests.helpers.command import BRIEF, command
from tests.helpers.offline_wandb import read_runs

RUN = TrackedRun("key", "name", "group", "train", [], {}, resume=True)


class Spy(DisabledTracker):
    """Keeps what it is told."""

    def __init__(self, every: int = 50, artifacts: bool = True) -> None:
        self.detail = Detail(every, 5, 2, artifacts)
        self.told: list[tuple] = []

    def open(self, folder, run):
        self.told.append(("open", run.name))
        return self

    def __exit__(self, kind, error, traceback):
        self.told.append(("exit", kind))

    def log(self, row):
        self.told.append(("log", row))

    def artifact(self, artifact):
        self.told.append(("artifact", artifact.name))


def test_each_call_reaches_all_and_files_reach_those_that_keep_them(tmp_path) -> None:
    keeps, drops = Spy(), Spy(artifacts=False)
    with SeveralTrackers(50, 5, 2, True, {"a": keeps, "b": drops}).open(tmp_path, RUN) as run:
        run.log({"step": 1})
        run.artifact(Artifact("model", "model", [], {}, produced=True))
    assert keeps.told == [("open", "name"), ("log", {"step": 1}), ("artifact", "model"), ("exit", None)]
    assert drops.told == [("open", "name"), ("log", {"step": 1}), ("exit", None)]


def test_what_they_share_is_set_once_for_all() -> None:
    with pytest.raises(ValueError, match=r"tracking.trackers.b.every is 10, but .* tracking.every, which is 50"):
        SeveralTrackers(50, 5, 2, True, {"a": Spy(), "b": Spy(every=10)})
    with pytest.raises(ValueError, match="tracking/trackers must name a tracker"):
        SeveralTrackers(50, 5, 2, True, {})


def test_the_command_line_chooses_them_and_sets_what_they_share(config) -> None:
    chosen = config("tracking=several", "tracking/trackers=[offline,tensorboard]", "tracking.every=7").tracking
    assert list(chosen.trackers) == ["wandb", "tensorboard"]
    built = instantiate(chosen, _convert_="all")
    assert built.label == "W&B and TensorBoard"
    assert [one.detail.every for one in (built, *built.trackers)] == [7, 7, 7]
    assert built.trackers[0].tracker.mode == "offline"


def test_a_wrong_setting_of_one_is_named_with_its_tracker(config) -> None:
    wrong = config("tracking=several", "tracking.trackers.wandb.mode=loud")
    with pytest.raises(InstantiationException) as caught:
        instantiate(wrong.tracking, _convert_="all")
    assert explain(caught.value, wrong).startswith("tracking.trackers.wandb: tracking.mode must be one of online")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["tracking=[offline,tensorboard]"], r"several at once: tracking=several tracking/trackers=\[...\]"),
        (["tracking=several", "tracking/trackers=[wandb,tensorbord]"], "did you mean tensorboard"),
        (["tracking/trackers=[wandb]"], "do not fit together"),
        (["tracking=several", "tracking.projcet=x"], "there is no setting tracking.projcet"),
    ],
)
def test_a_wrong_choice_is_answered_in_a_line(overrides, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_overrides(overrides, multirun=False)


@pytest.mark.slow
def test_a_command_tracks_with_both_and_its_evaluation_too(tmp_path) -> None:
    both = ["tracking=several", "tracking/trackers=[offline,tensorboard]", "tracking.watched_samples=0"]
    done = command(tmp_path, *BRIEF, *both, "output_dir=out")
    assert done.status == 0, done.stderr
    assert list((tmp_path / "out" / "tensorboard").iterdir())
    (run,) = read_runs(tmp_path / "out")
    assert (run["job_type"], run["exit"]) == ("train", 0)
    done = command(tmp_path, "mode=evaluate", "checkpoint=out", "output_dir=again", *both)  # its config may be trusted
    assert done.status == 0, done.stderr
    assert read_runs(tmp_path / "again")[0]["job_type"] == "evaluate"
    files = read_runs(tmp_path / "out")[0]["artifacts"].values()
    (kept,) = [artifact["files"] for artifact in files if artifact["type"] == "run"]
    assert {"config.yaml", "status.json", "metrics.json", "history.csv", "predictions.parquet"} <= set(kept)
    assert '"finished"' in kept["status.json"].read_text()
