"""A comparison of runs that only W&B has: from what offline runs left, the same as from the folder."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import wandb

from multimodal.comparison.reading import read_runs as read_folder
from multimodal.comparison.report import write_report
from multimodal.io import write_json
from multimodal.runs import wandb_api
from multimodal.runs.record import read_record
from multimodal.tracking.artifacts import run_artifact
from multimodal.tracking.tracker import TrackedRun
from multimodal.tracking.wandb import WandbRun
from tests.helpers.made_up_runs import make_run
from tests.helpers.offline_wandb import read_runs

SETTINGS = {"entity": None, "group": None, "tags": [], "notes": None, "job_type": None}
SETTINGS |= {"system_metrics": False, "every": 50, "test_samples": 0, "watched_samples": 0, "artifacts": True}


def track(folder: Path) -> None:
    """Keep a run's files, as a run does at its end."""
    record = read_record(folder)
    run = TrackedRun(record.key, folder.name, "sweep", "train", [], record.as_dict(), resume=True)
    with WandbRun("offline", "project", **SETTINGS).open(folder, run) as tracker:
        tracker.artifact(run_artifact(record.name, folder))


class Server:
    """W&B's client with the runs of a folder, from the files that they wrote offline."""

    def __init__(self, sweep: Path) -> None:
        self.found = [self.run_of(run) for folder in sorted(sweep.iterdir()) for run in read_runs(folder)]
        self.asked: list[str] = []

    def run_of(self, run: dict) -> SimpleNamespace:
        kept = [
            SimpleNamespace(type=facts["type"], version="v0", download=self.download(facts["files"]))
            for facts in run["artifacts"].values()
        ]
        return SimpleNamespace(id=run["id"], name=run["name"], config=run["config"], logged_artifacts=lambda: kept)

    def download(self, files: dict[str, Path]):
        def download(root: str, skip_cache: bool) -> None:
            Path(root).mkdir(parents=True)
            for name, file in files.items():
                shutil.copy(file, Path(root) / name)

        return download

    def runs(self, project: str) -> list:
        self.asked.append(project)
        return self.found


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> Path:
    """A folder of tracked runs, one of which failed."""
    sweep = tmp_path_factory.mktemp("machine") / "project"
    for fusion in ("attention", "concat"):
        for seed in (0, 1):
            write_json({"status": "finished"}, make_run(sweep, fusion, seed) / "status.json")
    failed = make_run(sweep, "gated", 0)
    (failed / "metrics.json").unlink()
    write_json({"status": "failed", "error": "ValueError: diverged", "traceback": "T"}, failed / "status.json")
    for folder in sorted(sweep.iterdir()):
        track(folder)
    return sweep


@pytest.fixture
def server(sweep, monkeypatch) -> Server:
    server = Server(sweep)
    monkeypatch.setattr(wandb_api, "reachable_mode", lambda: ("online", None))
    monkeypatch.setattr(wandb, "Api", lambda timeout: server)
    return server


def fetched(folder: Path) -> Path:
    return WandbRun("online", "lab/project", **SETTINGS).fetch(folder)


def test_the_comparison_from_the_server_is_that_of_the_folder(tmp_path, sweep, server) -> None:
    place = fetched(tmp_path)
    assert (place, server.asked) == (tmp_path / "lab" / "project", ["lab/project"])
    write_report(place, 0.01)
    write_report(sweep, 0.01)
    assert (place / "report.csv").read_bytes() == (sweep / "report.csv").read_bytes()
    (failure,) = read_folder(place)[1]
    assert (failure.status, failure.error, failure.fusion) == ("failed", "ValueError: diverged", "gated")
    assert read_folder(place)[1] == read_folder(sweep)[1]


def test_a_second_download_replaces_the_first(tmp_path, server) -> None:
    place = fetched(tmp_path)
    file = place / "toy-concat-s0-embedded" / "metrics.json"
    content = file.read_bytes()
    file.write_text("old")
    (place / "toy-concat-s1-embedded" / "best.pt").write_text("mine")
    assert fetched(tmp_path) == place
    assert file.read_bytes() == content
    assert (place / "toy-concat-s1-embedded" / "best.pt").read_text() == "mine"
    assert not list(place.glob(".*"))


def test_another_run_in_the_place_of_one_is_not_touched(tmp_path, server) -> None:
    make_run(tmp_path / "lab" / "project", "other", 0).rename(tmp_path / "lab" / "project" / "toy-concat-s0-embedded")
    with pytest.raises(ValueError, match="toy-concat-s0-embedded holds another run"):
        fetched(tmp_path)


def test_evaluations_and_foreign_runs_are_no_trained_models_and_equal_names_are_told_apart(tmp_path, server) -> None:
    first = server.found[0]
    twin = SimpleNamespace(**{**vars(first), "id": "other-id"})
    evaluation = SimpleNamespace(**{**vars(first), "config": first.config | {"model_run": "key"}})
    outside = SimpleNamespace(**{**vars(first), "id": "x", "name": "../../outside"})
    server.found = [first, twin, evaluation, outside, SimpleNamespace(config={})]
    assert sorted(path.name for path in fetched(tmp_path).iterdir()) == sorted([first.name, "other-id", "x"])
    assert [path.name for path in tmp_path.iterdir()] == ["lab"]


def test_what_cannot_be_read_is_said_in_a_line(tmp_path, server, monkeypatch) -> None:
    for run in server.found:
        run.logged_artifacts = list
    with pytest.raises(ValueError, match=r"tracking.project=lab/project has no run with files"):
        fetched(tmp_path)
    monkeypatch.setattr(server, "runs", lambda project: 1 / 0)
    with pytest.raises(ValueError, match="cannot be read from W&B: division by zero"):
        fetched(tmp_path)
    with pytest.raises(ValueError, match="read from W&B's server: give tracking=wandb"):
        WandbRun("offline", "lab/project", **SETTINGS).fetch(tmp_path)
    with pytest.raises(ValueError, match=r"has another owner than tracking.entity=me"):
        WandbRun("online", "lab/project", **SETTINGS | {"entity": "me"})
    for wrong in ("lab/..", "a/b/c"):
        with pytest.raises(ValueError, match="must be <entity>/<project>"):
            WandbRun("online", wrong, **SETTINGS).fetch(tmp_path)


def test_a_project_without_an_owner_leaves_the_folder_as_it_is(tmp_path) -> None:
    assert WandbRun("online", "project", **SETTINGS).fetch(tmp_path) == tmp_path
