"""The W&B report: built without a server, kept on disk offline, created online."""

import json
from types import SimpleNamespace

import pytest
import wandb
from PIL import Image

from multimodal.metric.catalogue import TRACKER, shown_in
from multimodal.tracking.wandb import WandbRun
from multimodal.tracking.wandb_report import FILE, build_report, publish
from tests.helpers.made_up_runs import make_run
from tests.helpers.offline_wandb import read_runs

SETTINGS = {"project": "project", "entity": None, "group": None, "tags": [], "notes": None, "job_type": None}
SETTINGS |= {"system_metrics": False, "every": 50, "test_samples": 0, "watched_samples": 0, "artifacts": True}
workspaces = pytest.importorskip("wandb_workspaces.reports.v2", reason="the extra `reports` is not installed")


@pytest.fixture
def folder(tmp_path):
    """A folder of runs on two datasets that was compared."""
    for dataset in ("toy", "other"):
        for fusion in ("attention", "concat"):
            make_run(tmp_path / "sweep", fusion, 0, dataset=dataset)
    (tmp_path / "sweep" / "report.md").write_text("# Comparison\n\nno difference shown")
    return tmp_path / "sweep"


def test_offline_the_specification_is_kept(folder) -> None:
    WandbRun("offline", **SETTINGS).publish(folder)
    found = json.loads((folder / FILE).read_text())
    text = json.dumps(found)
    assert "no difference shown" in text
    for spec in shown_in(TRACKER):
        assert f"test/{spec.name}" in text
    grids = [block["metadata"] for block in found["blocks"] if block["type"] == "panel-grid"]
    shown = {}
    for (run_set,) in (grid["runSets"] for grid in grids):
        assert "choices.value.fusion" in json.dumps(run_set["grouping"])
        filters = {part["key"]["name"]: part["value"] for part in run_set["filters"]["filters"]}
        assert filters["state"] == "finished"  # an attempt that was cut counts no more
        shown[run_set["name"]] = filters["displayName"]
    assert shown == {  # no bar is a mean over two datasets
        f"{dataset} (embedded)": [f"{dataset}-{fusion}-s0-embedded" for fusion in ("attention", "concat")]
        for dataset in ("other", "toy")
    }


class Server:
    """Stands for W&B's client: a project with these reports."""

    def __init__(self, *reports: tuple[str, str]) -> None:
        self.known = [SimpleNamespace(id=key, display_name=title) for key, title in reports]

    def projects(self, entity: str) -> list:
        return [SimpleNamespace(name="project")]

    def reports(self, path: str) -> list:
        assert path == "lab/project"
        return self.known


@pytest.mark.parametrize(
    ("project", "known", "updated"),
    [
        ("project", [("other-id", "Comparison of another"), ("its-id", "Comparison of sweep")], "its-id"),
        ("project", [("other-id", "Comparison of another")], ""),
        ("new", [], ""),
    ],
)
def test_online_the_report_that_was_made_before_is_updated(folder, monkeypatch, project, known, updated) -> None:
    saved = []
    monkeypatch.setattr(wandb, "Api", lambda: Server(*known))
    monkeypatch.setattr(workspaces.Report, "save", lambda report: saved.append(report.id))
    monkeypatch.setattr(workspaces.Report, "url", "somewhere", raising=False)
    publish("online", project, "lab", folder, None)
    assert saved == [updated]


def test_online_it_is_saved_with_the_entity(folder, monkeypatch) -> None:
    saved = []
    monkeypatch.setattr(wandb, "Api", Server)
    monkeypatch.setattr(workspaces.Report, "save", lambda report: saved.append(report))
    monkeypatch.setattr(workspaces.Report, "url", "somewhere", raising=False)
    publish("online", "project", "lab", folder, None)
    assert [(report.entity, report.project) for report in saved] == [("lab", "project")]
    grids = [block for block in saved[0].blocks if isinstance(block, workspaces.PanelGrid)]
    assert [runs.entity for grid in grids for runs in grid.runsets] == ["lab", "lab"]


def test_a_report_that_cannot_be_created_loses_nothing(folder, monkeypatch, caplog) -> None:
    monkeypatch.setattr(wandb, "Api", Server)

    def fails(report) -> None:
        raise Exception("not logged in")

    monkeypatch.setattr(workspaces.Report, "save", fails)
    publish("online", "project", "lab", folder, None)
    assert (folder / FILE).exists()
    assert "not logged in" in caplog.text


def test_disabled_nothing_is_written(folder) -> None:
    publish("disabled", "project", None, folder, None)
    assert not (folder / FILE).exists()


def test_the_title_names_the_folder() -> None:
    assert build_report("project", "lab", "night", "text", {}, None).title == "Comparison of night"


def test_the_forest_plot_stands_first_and_is_in_a_run_of_its_own(folder) -> None:
    Image.new("RGB", (40, 30)).save(folder / "forest.png")
    (folder / "report.md").write_text("# Comparison\n\n![the differences](forest.png)\n\nno difference shown")
    WandbRun("offline", **SETTINGS).publish(folder)
    (run,) = read_runs(folder)
    assert run["tags"] == ["comparison"]
    assert (run["name"], run["id"]) == ("comparison of sweep", "comparison-dfd33796")  # that of the next one too
    assert any("figure/forest/path" in row for row in run["history"])
    text = (folder / FILE).read_text()
    assert "forest.png" not in text
    grids = [block for block in json.loads(text)["blocks"] if block["type"] == "panel-grid"]
    assert "figure/forest" in json.dumps(grids[0])
    assert run["name"] in json.dumps(grids[0])
    assert text.index("figure/forest") < text.index("no difference shown") < text.index("test/accuracy/image")


def test_a_disabled_tracker_logs_no_figure(folder) -> None:
    Image.new("RGB", (40, 30)).save(folder / "forest.png")
    WandbRun("disabled", **SETTINGS).publish(folder)
    assert not (folder / "wandb").exists()
