"""One catalogue, from which every place that displays or tests a metric reads."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from multimodal.comparison.report import write_report
from multimodal.evaluation.summary import summary
from multimodal.io import write_json, write_parquet
from multimodal.metric import catalogue
from multimodal.metric.catalogue import (
    CATALOGUE,
    POINTS,
    PRIMARY,
    QUALITY,
    SECONDARY,
    SWEEP,
    TERMINAL,
    TRACKER,
    MetricSpec,
    column,
    compared,
    shown_in,
    spec_of,
)
from multimodal.runs.job import FINISHED, JobRecord
from multimodal.sweep import as_text, table_row
from multimodal.tracking.wandb_report import FILE, publish
from tests.helpers.made_up_results import made_up_run as made_up_results
from tests.helpers.made_up_runs import make_run, only_text_and_forest

NEW = MetricSpec(
    "novel/metric",
    "novelty",
    higher_is_better=False,
    shown=(TERMINAL, SWEEP, QUALITY, TRACKER),
    tested=SECONDARY,
    unit=POINTS,
    per_sample=column("novel"),
)


def test_names_stand_once_and_what_is_displayed_has_words() -> None:
    names = [spec.name for spec in CATALOGUE]
    assert len(names) == len(set(names))
    assert all(spec.title for spec in CATALOGUE if spec.shown or spec.tested)
    titles = [spec.title for spec in CATALOGUE if spec.title]
    assert len(titles) == len(set(titles))


def test_one_metric_decides_and_every_tested_one_has_a_direction_and_is_a_mean_over_samples() -> None:
    assert [spec.tested == PRIMARY for spec in compared()].count(True) == 1
    assert compared()[0].tested == PRIMARY
    assert all(spec.per_sample is not None and spec.higher_is_better is not None for spec in compared())


def test_a_name_is_found_before_its_family() -> None:
    assert spec_of("reconstruction/ssim").needs == ("image",)
    assert spec_of("reconstruction/bleu2").needs == ("text",)
    assert spec_of("image_to_text/attribute_accuracy_width").needs == ("image",)
    assert spec_of("latent/uniformity") is None


def test_each_place_displays_something() -> None:
    for place in ("terminal", "sweep", "quality", "cost", "generation", "tracker"):
        assert shown_in(place)


def test_the_heading_says_which_way_is_better() -> None:
    headings = [MetricSpec("a", "a", better).heading for better in (True, False, None)]
    assert headings == ["a\u00a0↑", "a\u00a0↓", "a"]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> Path:
    """Six seeds of two fusions that measure a metric that the catalogue does not know; attention has less of it."""
    folder = tmp_path_factory.mktemp("sweep")
    for seed in range(6):
        for fusion, error in (("attention", 0.2), ("concat", 0.3)):
            own = make_run(folder, fusion, seed, metrics={NEW.name: error + 0.001 * seed})
            samples = np.random.default_rng(seed).random(300) < error
            write_parquet({"novel": samples.tolist()}, own / "predictions.parquet")
            (own / "data_card.json").unlink(missing_ok=True)  # it counts fewer test samples
    return folder


@pytest.fixture(autouse=True)
def text_alone(monkeypatch) -> None:
    only_text_and_forest(monkeypatch)


@pytest.fixture
def one_more(monkeypatch) -> None:
    monkeypatch.setattr(catalogue, "CATALOGUE", (*CATALOGUE, NEW))


def job_row(sweep: Path) -> dict:
    folder = str(sweep / "toy-concat-s0-embedded")
    return table_row(JobRecord("", [], dataset="toy", fusion="concat", seed=0, status=FINISHED, folder=folder), [])


@pytest.mark.usefixtures("one_more")
def test_a_metric_that_is_added_is_in_the_terminal_and_in_the_table_of_a_sweep(sweep: Path) -> None:
    _, results = made_up_results(classes=3, each=4, words=3)
    results.metrics[NEW.name] = 0.125
    assert [line.split() for line in summary(results) if NEW.name in line] == [[NEW.name, "0.125"]]
    row = job_row(sweep)
    assert row[NEW.name] == 0.3
    assert "novel" in as_text([row], [])


def test_the_terminal_shows_the_parameters_of_the_fusion_as_a_whole_number() -> None:
    _, results = made_up_results(classes=3, each=4, words=3)
    results.metrics["cost/fusion_parameters"] = 364928
    assert ["cost/fusion_parameters", "364,928"] in [line.split() for line in summary(results)]


@pytest.mark.usefixtures("one_more")
def test_a_metric_that_is_added_is_in_the_report_and_is_tested(sweep: Path) -> None:
    write_report(sweep, 0.01)
    text, page = ((sweep / f"report.{kind}").read_text() for kind in ("md", "html"))
    assert "novelty\u00a0↓" in text
    assert "novelty\u00a0↓" in page
    cells = pd.read_csv(sweep / "report.csv")
    quality = cells[cells["column"] == "novelty\u00a0↓"].set_index("line")
    assert quality["value"]["attention"] == pytest.approx(0.2025)
    assert list(quality.index[quality["best"] == "yes"]) == ["attention"]
    tests = cells[cells["table"] == "All comparisons"].reset_index(drop=True)
    at = tests.index[tests["text"] == "novelty"][0]
    test = tests[at : at + len(set(tests["column"]))].set_index("column")
    assert test["text"]["difference"] == "−10.0 points"
    assert test["text"]["verdict"] == "attention is better"
    assert test["value"]["over test samples"] < 0


@pytest.mark.usefixtures("one_more")
def test_a_metric_that_is_added_is_among_the_panels_of_the_tracker(sweep: Path) -> None:
    pytest.importorskip("wandb_workspaces.reports.v2", reason="the extra `reports` is not installed")
    write_report(sweep, 0.01)
    publish("offline", "project", None, sweep, None)
    assert f"test/{NEW.name}" in (sweep / FILE).read_text()


def test_without_the_entry_it_is_nowhere(sweep: Path) -> None:
    write_report(sweep, 0.01)
    assert "novelty" not in (sweep / "report.csv").read_text()
    assert NEW.name not in job_row(sweep)


def test_what_was_not_measured_is_a_dash_and_no_error(tmp_path: Path) -> None:
    """Any measure may be switched off: here all are."""
    _, results = made_up_results(classes=3, each=4, words=3)
    results.metrics.clear()
    assert all(line.endswith(" not measured") for line in summary(results))
    folder = make_run(tmp_path, "concat", 0)
    metrics = json.loads((folder / "metrics.json").read_text())
    computed = {name: value for name, value in metrics.items() if spec_of(name) is None or "surface" in name}
    write_json({name: v for name, v in computed.items() if name != "availability/surface"}, folder / "metrics.json")
    row = job_row(tmp_path)
    assert all(row[spec.name] is None for spec in shown_in(SWEEP))
    assert as_text([row], []).splitlines()[-1].split()[-8:] == ["-"] * 8
    write_report(tmp_path, 0.01)
    cells = pd.read_csv(tmp_path / "report.csv")
    quality = cells[(cells["table"] == "Quality") & (cells["line"] == "concat")]
    assert list(quality["column"][quality["value"].notna()]) == ["seeds"]
    notes = cells[(cells["table"] == "Note") & (cells["data"] == "Quality")]["text"].tolist()
    (left_out,) = (note for note in notes if note.startswith("Without a column"))
    assert all(spec.heading in left_out for spec in shown_in(QUALITY))
