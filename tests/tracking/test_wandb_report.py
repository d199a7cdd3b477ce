"""The W&B report: built without a server, kept on disk offline, created online."""

import json

import pytest

from multimodal.tracking.wandb import WandbRun
from multimodal.tracking.wandb_report import BARS, FILE, build_report, publish

workspaces = pytest.importorskip("wandb_workspaces.reports.v2", reason="the extra `reports` is not installed")


@pytest.fixture
def folder(tmp_path):
    """A folder of runs that was compared."""
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "report.md").write_text("# Comparison\n\nno difference shown")
    return tmp_path / "sweep"


def test_offline_the_specification_is_kept(folder) -> None:
    WandbRun("offline", "project", None).publish(folder)
    found = json.loads((folder / FILE).read_text())
    text = json.dumps(found)
    assert "no difference shown" in text
    for name in BARS:
        assert f"test/{name}" in text
    grid = next(block for block in found["blocks"] if block["type"] == "panel-grid")
    assert [run_set["name"] for run_set in grid["metadata"]["runSets"]] == ["sweep"]
    assert "choices.value.fusion" in json.dumps(grid["metadata"]["runSets"][0]["grouping"])
    filters = grid["metadata"]["runSets"][0]["filters"]["filters"]  # an attempt that was cut counts no second time
    assert [(part["key"]["name"], part["value"]) for part in filters] == [("sweep", "sweep"), ("state", "finished")]


def test_online_it_is_saved_with_the_entity(folder, monkeypatch) -> None:
    saved = []
    monkeypatch.setattr(workspaces.Report, "save", lambda report: saved.append(report))
    monkeypatch.setattr(workspaces.Report, "url", "somewhere", raising=False)
    publish("online", "project", "lab", folder)
    assert [(report.entity, report.project) for report in saved] == [("lab", "project")]


def test_a_report_that_cannot_be_created_loses_nothing(folder, monkeypatch, caplog) -> None:
    def fails(report) -> None:
        raise Exception("not logged in")

    monkeypatch.setattr(workspaces.Report, "save", fails)
    publish("online", "project", "lab", folder)
    assert (folder / FILE).exists()
    assert "not logged in" in caplog.text


def test_disabled_nothing_is_written(folder) -> None:
    publish("disabled", "project", None, folder)
    assert not (folder / FILE).exists()


def test_the_title_names_the_folder() -> None:
    assert build_report("project", "lab", "night", "text").title == "Comparison of night"
