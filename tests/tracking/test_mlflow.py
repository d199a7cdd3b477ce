"""Runs are read back by MLflow's own client, from the folder that it wrote."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from multimodal.tracking.tracker import Artifact, TrackedRun

pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed")

from multimodal.tracking.mlflow import MLflowTracker

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning:mlflow")
ROWS = [{"image": np.full((4, 4, 3), 9, np.uint8), "class": "a", "right": True}] * 2


CONFIG = {"seed": 3, "fusion": {"name": "x" * 900}, "choices": {"head": "default", "head/text": "lstm"}}


def run_of(key: str | None = "key", resume: bool = True) -> TrackedRun:
    return TrackedRun(key, "one", "sweep", "train", ["mnist"], CONFIG, resume)


def opened(folder: Path, **facts) -> MLflowTracker:
    return MLflowTracker(str(folder / "mlruns"), "project", 50, 5, 0, True).open(folder, run_of(**facts))


def stored(tracker: MLflowTracker) -> list:
    """All runs of the project, the newest first."""
    experiment = tracker.client.get_experiment_by_name("project")
    return tracker.client.search_runs([experiment.experiment_id])


def curve(tracker: MLflowTracker, name: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in tracker.client.get_metric_history(tracker.id, name)]


def test_settings_curves_figures_tables_files_and_metrics_are_read_back(tmp_path, monkeypatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Image.new("RGB", (4, 4)).save(tmp_path / "tsne.png")
    (tmp_path / "best.pt").write_bytes(b"weights")
    with opened(tmp_path) as run:
        run.log({"step": 10, "train/loss": 2.5})
        run.log({"step": 20, "train/loss": 1.5})
        run.table("predictions/test", ROWS)
        run.figures({"tsne": tmp_path / "tsne.png"})
        run.artifact(Artifact("m", "model", [tmp_path / "best.pt"], {"data": "mnist"}, produced=True))
        run.summary({"test/recall@1": 0.75, "train/loss": 1.5, "kept_step": 20, "test/undefined": None})
    assert not list((tmp_path / "here").iterdir())  # parts of mlflow write to a store of their own there
    (found,) = stored(run)
    assert (found.info.run_name, found.info.status) == ("one", "FINISHED")
    assert found.data.params == {
        "seed": "3",
        "fusion.name": "x" * 500,
        "choices.head": "default",
        "choices.head.text": "lstm",
    }
    assert (found.data.tags["group"], found.data.tags["tags"]) == ("sweep", "mnist")
    assert curve(run, "train/loss") == [(10, 2.5), (20, 1.5)]
    assert curve(run, "test/recall_1") == [(20, 0.75)]
    assert "test/undefined" not in found.data.metrics
    files = Path(found.info.artifact_uri.removeprefix("file://"))
    assert (files / "model" / "best.pt").read_bytes() == b"weights"
    assert json.loads((files / "model" / "about.json").read_text())["data"] == "mnist"
    assert (files / "figure" / "tsne.png").exists()
    table = json.loads((files / "predictions" / "test-20.json").read_text())
    rows = [dict(zip(table["columns"], cells, strict=True)) for cells in table["data"]]
    assert [(row["class"], row["right"]) for row in rows] == [("a", True)] * 2
    assert np.asarray(Image.open(files / rows[0]["image"]["filepath"])).tolist() == ROWS[0]["image"].tolist()


def test_a_resumed_run_goes_on_and_one_done_anew_replaces_it(tmp_path) -> None:
    for steps in ((10, 20), (10, 20, 30)):
        with opened(tmp_path) as run:
            for step in steps:
                run.log({"step": step, "train/loss": float(step)})
    (first,) = stored(run)
    assert [step for step, _ in curve(run, "train/loss")] == [10, 20, 30]
    with opened(tmp_path, resume=False):
        pass
    (second,) = stored(run)
    assert second.info.run_id != first.info.run_id
    with opened(tmp_path, key="other"):
        pass
    assert len(stored(run)) == 2


@pytest.mark.parametrize(("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_an_error_passes_and_is_recorded(tmp_path, error: type[BaseException], status: str) -> None:
    run = opened(tmp_path)
    with pytest.raises(error, match="diverged"), run:
        raise error("diverged")
    (found,) = stored(run)
    assert (found.info.status, found.data.tags["error"]) == (status, f"{error.__name__}: diverged")


def test_a_server_is_refused() -> None:
    with pytest.raises(ValueError, match=r"tracking.folder must be a folder on this machine, got http://x"):
        MLflowTracker("http://x", "project", 50, 5, 0, True)


OFFLINE = """
import socket, sys
from pathlib import Path

def refused(*arguments, **settings):
    print("network", arguments)
    raise OSError("no network")

socket.getaddrinfo = socket.socket.connect = refused
from multimodal.tracking.mlflow import MLflowTracker
from multimodal.tracking.tracker import TrackedRun
folder = Path(sys.argv[1])
run = TrackedRun("key", "one", "sweep", "train", [], {}, resume=True)
with MLflowTracker(str(folder / "mlruns"), "project", 50, 0, 0, True).open(folder, run) as tracker:
    tracker.log({"step": 1, "loss": 1.0})
import mlflow.telemetry
print("client", mlflow.telemetry.get_telemetry_client())
"""


@pytest.mark.slow
def test_it_looks_up_no_host_and_sends_no_telemetry(tmp_path) -> None:
    pytest.importorskip("mlflow.telemetry", reason="this version of mlflow has no telemetry")
    line = [sys.executable, "-c", OFFLINE, str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.split() == ["client", "None"]
