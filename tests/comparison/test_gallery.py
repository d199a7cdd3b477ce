"""The gallery shows the same test samples of several runs, and links lead to their pages."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from multimodal.comparison import gallery
from multimodal.comparison.gallery import gallery_page, group_gallery
from multimodal.comparison.grouping import by_group
from multimodal.comparison.reading import read_runs
from multimodal.comparison.report import write_report
from multimodal.comparison.run_links import run_links
from multimodal.pages.samples import FILE, write_samples
from tests.helpers.made_up_gallery import DATA, FUSIONS, ROWS, make_runs
from tests.helpers.made_up_runs import make_run


def test_each_sample_has_a_row_of_each_fusion(tmp_path: Path) -> None:
    ((title, runs),) = make_runs(tmp_path).items()
    shown = group_gallery(title, runs, tmp_path)
    assert [column.name for column in shown.columns] == ["attention, seed 0", "concat, seed 0"]
    assert [column.link for column in shown.columns] == [f"toy-{name}-s0-embedded/run.html" for name in FUSIONS]
    assert len(shown.samples) == 24
    for (first, second), row in zip(shown.samples, ROWS, strict=True):
        assert first["index"] == second["index"] == row["index"]
        assert (first["written/image"], second["written/image"]) == ("attention 0", "concat 0")
    assert shown.notes == []


def test_of_a_single_fusion_its_runs_are_shown(tmp_path: Path) -> None:
    ((title, runs),) = make_runs(tmp_path, ("concat",), 3).items()
    assert [c.name for c in group_gallery(title, runs, tmp_path).columns] == [f"concat, seed {i}" for i in range(3)]


def test_runs_without_these_samples_are_named(tmp_path: Path) -> None:
    ((title, runs),) = make_runs(tmp_path, (*FUSIONS, "film", "sum"), 1).items()
    attention, concat, film, total = runs
    (film.folder / FILE).unlink()
    (total.folder / FILE).write_bytes(b"cut")
    shown = group_gallery(title, [attention, replace(concat, dataset_seed=1), film, total], tmp_path)
    assert [column.name for column in shown.columns] == ["attention, data seed 0, seed 0"]
    damaged, absent = shown.notes
    assert str(total.folder / FILE) in damaged
    assert absent == "Without a run that has saved these samples: concat, film, sum."


def test_runs_on_other_samples_are_not_put_side_by_side(tmp_path: Path) -> None:
    ((title, runs),) = make_runs(tmp_path, seeds=1).items()
    write_samples([row | {"caption": "another"} for row in ROWS], runs[0].folder)
    shown = group_gallery(title, runs, tmp_path)
    assert shown.samples == []
    assert shown.notes == ["These runs share no test samples: nothing can be put side by side."]


def test_a_group_without_samples_has_no_page(tmp_path: Path) -> None:
    make_run(tmp_path, "concat", 0)
    ((title, runs),) = by_group(read_runs(tmp_path)[0]).items()
    assert gallery_page("title", [group_gallery(title, runs, tmp_path)], 10**6) == ""


def test_a_large_page_has_fewer_samples_spread_over_the_classes(tmp_path: Path) -> None:
    ((title, runs),) = make_runs(tmp_path, seeds=1).items()
    shown = group_gallery(title, runs, tmp_path)
    counts = [gallery_page("title", [shown], largest).count("<article") for largest in (10**7, 1)]
    assert counts == [20, 5]
    classes = [first["class"] for first, _ in gallery.spread(shown.samples, 6)]
    assert classes == DATA.class_names


def test_a_report_links_to_the_gallery_and_to_the_pages_of_its_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("multimodal.comparison.report.figure_sections", lambda groups, widest: [])
    make_runs(tmp_path)
    page = write_report(tmp_path, 0.01).read_text()
    links = re.findall(r'href="([^"#:]+)"', page)
    assert links == ["gallery.html", *(f"toy-{name}-s{seed}-embedded/run.html" for name in FUSIONS for seed in (0, 1))]
    assert all((tmp_path / link).is_file() for link in links)
    assert 'href="report.html"' in (tmp_path / "gallery.html").read_text()
    for file in tmp_path.glob("*/*.html"):
        file.unlink()
    for file in tmp_path.glob(f"*/{FILE}"):
        file.unlink()
    page = write_report(tmp_path, 0.01).read_text()
    assert re.findall(r'href="([^"#:]+)"', page) == []
    assert not (tmp_path / "gallery.html").exists()


def test_a_link_is_quoted_and_a_run_without_a_page_has_none(tmp_path: Path) -> None:
    folder = tmp_path / "a #b"
    make_run(folder, "concat", 0)
    (make_run(folder, "concat", 1) / "run.html").write_text("")
    groups = by_group(read_runs(folder)[0])
    (links,) = run_links(groups, tmp_path).values()
    assert links == {"concat": [("seed 0", ""), ("seed 1", "a%20%23b/toy-concat-s1-embedded/run.html")]}
    (folder / "toy-concat-s1-embedded" / "run.html").unlink()
    assert run_links(groups, tmp_path) == {}
