import csv
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from multimodal.comparison import report as comparison
from multimodal.comparison.comparison import Comparison, compare
from multimodal.comparison.figure_sections import FigureSection, figure_sections, run_pictures
from multimodal.comparison.grouping import by_group
from multimodal.comparison.markdown import as_markdown
from multimodal.comparison.reading import Run, read_runs
from multimodal.comparison.report import write_report
from tests.helpers.made_up_runs import make_run, make_sweep, record

PRIMARY = "accuracy with both\u00a0↑"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    make_sweep(folder)
    assert write_report(folder, 0.01) == folder / "report.html"
    return folder


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "figure_sections", lambda groups, widest: [])


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "report.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def cells(folder: Path, column: str) -> dict[tuple[str, str], dict[str, str]]:
    """{(data, line): cell} of a column."""
    return {(row["data"], row["line"]): row for row in rows(folder) if row["column"] == column}


def compared(folder: Path) -> Comparison:
    return compare(folder, *read_runs(folder), 0.01)


def grids(groups: dict[str, list[Run]], widest: int) -> list[FigureSection]:
    pictures = {title: run_pictures(title, runs, "generation", "a grid", widest) for title, runs in groups.items()}
    return [FigureSection("Grids", "", pictures)]


def bold(folder: Path) -> set[str]:
    """Fusions whose accuracy with both is in bold."""
    quality = compared(folder).tables[0].cells
    return set(quality[quality["column"].eq(PRIMARY) & quality["best"].eq(True)]["line"])


def test_means_and_deviations_are_those_of_the_runs(sweep: Path) -> None:
    right = 0.8 + 0.0012 * np.arange(6)
    for fusion, values in (("attention", right + 0.02), ("concat", right)):
        cell = cells(sweep, PRIMARY)["toy (embedded)", fusion]
        assert float(cell["value"]) == pytest.approx(values.mean())
        assert float(cell["sd"]) == pytest.approx(values.std(ddof=1))
        assert cell["n"] == "6"
        assert cell["text"] == f"{values.mean():.3f} ± {values.std(ddof=1):.3f}"
    assert cells(sweep, "parameters, millions\u00a0↓")["toy (embedded)", "concat"]["text"] == "1.23 ± 0.00"


def test_page_markdown_and_csv_say_the_same(sweep: Path) -> None:
    page, told = (sweep / "report.html").read_text(), (sweep / "report.md").read_text()
    texts = [row["text"] for row in rows(sweep)]
    sentence, _ = compared(sweep).sentences["toy (embedded)"]
    assert "attention − concat = +2.0 points" in sentence
    assert sentence in page
    assert sentence in texts
    assert sentence.replace("[", "\\[") in told
    assert f"<strong>{cells(sweep, PRIMARY)['toy (embedded)', 'attention']['text']}</strong>" in page
    assert f"**{cells(sweep, PRIMARY)['toy (embedded)', 'attention']['text']}**" in told
    tables = compared(sweep).tables
    assert {text for table in tables for text in table.cells["text"]} <= set(texts)
    for text in (text for table in tables for text in table.without_dashes().cells["text"]):
        assert text.replace("<", "&lt;") in page
        assert text.replace("[", "\\[").replace("<", "\\<") in told


def test_all_metric_columns_have_names_of_their_own(sweep: Path) -> None:
    for table in compared(sweep).tables:
        for data, label, line in table.lines():
            assert list(line["column"]) == table.columns
            assert (set(line["data"]), set(line["line"])) == ({data}, {label})


def test_a_page_needs_nothing_else(sweep: Path) -> None:
    page = (sweep / "report.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert set(re.findall(r'(?:src|href)="(data:|#|)', page)) == {"data:", "#"}
    assert re.findall(r'href="#([^"]+)"', page) == re.findall(r' id="((?!large)[^"]+)"', page)
    assert str(sweep) not in page


def test_every_figure_has_a_text_and_a_size_and_is_scaled_down(sweep: Path) -> None:
    page = (sweep / "report.html").read_text()
    figures = re.findall(r'<img src="data:image/webp[^"]*" alt="([^"]+)" width="(\d+)" height="(\d+)"', page)
    # one of differences, two kinds missing, two surfaces, one loss, a grid for each fusion
    assert len(figures) == len({alt for alt, _, _ in figures}) == 8
    grids = [(width, height) for alt, width, height in figures if alt.startswith("Real test samples")]
    assert grids == [("1500", "375")] * 2
    assert [f"{name}, seed 0" in page for name in ("attention", "concat")] == [True, True]  # the lowest
    assert "seed 5</figcaption>" not in page


def test_a_large_page_has_smaller_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path, "a", 0)
    monkeypatch.setattr(comparison, "figure_sections", grids)
    for largest, width in ((1_000_000, 1500), (1000, 700)):
        monkeypatch.setattr(comparison, "LARGEST", largest)
        write_report(tmp_path, 0.01)
        assert f'" width="{width}" height="{width // 4}"' in (tmp_path / "report.html").read_text()


def test_the_best_is_bold_only_where_the_difference_is_real(tmp_path: Path) -> None:
    for name, seeds, better in (("few", 5, 0.02), ("equal", 6, 0.0), ("worse", 6, -0.02)):
        make_sweep(tmp_path / name, seeds, better)
    assert bold(tmp_path / "few") == bold(tmp_path / "equal") == set()
    assert bold(tmp_path / "worse") == {"concat"}


def test_the_best_is_ahead_of_every_other(tmp_path: Path) -> None:
    for seed in range(6):
        for fusion, better in (("a", 0.02), ("b", 0.0), ("c", 0.02)):
            make_run(tmp_path / "tied", fusion, seed, better)
            make_run(tmp_path / "won", fusion, seed, better + 0.01 * (fusion == "c"))
    assert bold(tmp_path / "tied") == set()
    assert bold(tmp_path / "won") == {"c"}


def test_a_control_without_the_measure_is_not_in_the_way(tmp_path: Path) -> None:
    make_sweep(tmp_path)
    names = ("accuracy/both", "text_to_image/class_coherence")
    why = dict.fromkeys(names, "this fusion does not read the text")
    for seed in range(6):
        make_run(tmp_path, "image_only", seed, metrics=dict.fromkeys(names), undefined=why)
    assert bold(tmp_path) == {"attention"}
    told = as_markdown(compared(tmp_path), {})
    assert "– this fusion does not read the text: image\\_only (accuracy with both)." in told
    assert not re.search(r"\b(nan|None|null)\b", told.replace("None.", ""))


def test_seeds_without_the_measure_are_counted_out(tmp_path: Path) -> None:
    for seed in range(3):
        make_run(tmp_path, "a", seed, metrics={"accuracy/both": None if seed == 0 else 0.5})
    (_, _, line), *_ = compared(tmp_path).tables[0].lines()
    assert line.set_index("column")["text"]["accuracy with both\u00a0↑"] == "0.500 ± 0.000 (n=2)"


def test_sources_are_never_averaged(tmp_path: Path) -> None:
    for source, better in (("embedded", 0.0), ("hub", 0.1)):
        for seed in range(2):
            make_run(tmp_path, "a", seed, better, source=source)
    groups = by_group(read_runs(tmp_path)[0])
    assert {title: len(runs) for title, runs in groups.items()} == {"toy (embedded)": 2, "toy (hub)": 2}
    make_run(tmp_path, "a", 0, dataset="other")
    assert list(by_group(read_runs(tmp_path)[0])) == ["other (embedded)", "toy (embedded)", "toy (hub)"]


def test_references_stand_beneath_the_fusions(sweep: Path) -> None:
    lines = compared(sweep).tables[1].groups()["toy (embedded)"]
    names = [label for label, _ in lines]
    assert names == ["attention", "concat", "mean image", "frequent caption", "the judge itself"]
    assert [any(line["reference"]) for _, line in lines] == [False, False, True, True, True]
    judged = cells(sweep, "image class coherence\u00a0↑")["toy (embedded)", "the judge itself"]
    assert judged["text"] == "0.990"


def test_failed_jobs_are_shown_as_text(sweep: Path) -> None:
    page, told = (sweep / "report.html").read_text(), (sweep / "report.md").read_text()
    assert "<script>alert" not in page
    assert "got &lt;script&gt;alert(1)&lt;/script&gt; | 0" in page
    assert "in train" in page
    assert "~~~~\npython scripts/run.py -m fusion=gated seed=0\nValueError: got <script>" in told
    assert any(row["table"] == "Failed jobs" and row["line"].endswith("fusion=gated seed=0") for row in rows(sweep))


def test_commands_repeat_the_runs(sweep: Path) -> None:
    command = compared(sweep).commands["toy-concat-s3-embedded"]
    wanted = ["python", "scripts/run.py", "dataset=toy", "fusion=concat", "seed=3", "text='a cat, ears up'"]
    assert shlex.split(command) == [*wanted, "dataset.source=embedded"]
    assert command in (sweep / "report.md").read_text()


def test_a_source_that_was_given_is_not_given_again(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "a", 0, overrides=("dataset.source=embedded", "fusion=a"))
    assert compared(tmp_path).commands[folder.name] == "python scripts/run.py dataset.source=embedded fusion=a"
    folder = make_run(tmp_path, "b", 0, overrides=("fusion=b",))
    assert compared(tmp_path).commands[folder.name] == "python scripts/run.py fusion=b dataset.source=embedded"


def test_data_are_told_with_their_sizes(sweep: Path) -> None:
    data = {name: cells(sweep, name)["toy (embedded)", "toy"]["text"] for name in ("source", "train", "test")}
    assert data == {"source": "embedded", "train": "11", "test": "6"}


def test_a_folder_without_runs_has_no_report(tmp_path: Path) -> None:
    assert write_report(tmp_path, 0.01) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("without_figures")
def test_failures_alone_make_a_report(tmp_path: Path) -> None:
    record(tmp_path, status="failed", overrides=["seed=0"], error="ValueError: no", traceback="in train")
    assert write_report(tmp_path, 0.01) is not None
    assert "No run has finished; 1 job failed." in (tmp_path / "report.md").read_text()


@pytest.mark.usefixtures("without_figures")
def test_one_run_is_compared_with_nothing(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "a", 0)
    assert write_report(folder, 0.01) is not None
    told = (folder / "report.md").read_text()
    assert "a alone: nothing to compare with." in told
    assert "1 run, 1 fusion, 1 dataset, 1 seed each; 0 jobs failed" in told


def test_sources_are_settings_of_one_dataset(tmp_path: Path) -> None:
    for source in ("embedded", "hub"):
        make_run(tmp_path, "a", 0, source=source)
    assert compared(tmp_path).lead.startswith("2 runs, 1 fusion, 1 dataset, 2 settings, 1 seed each")


def test_many_fusions_say_who_is_ahead_and_each_beside_the_plain_one(tmp_path: Path) -> None:
    """Null results as high as others, the controls last."""
    betters = {"attention": 0.0, "gated": 0.02, "concat": 0.0, "text_only": -0.2, "film": 0.0}
    for fusion, better in betters.items():
        for seed in range(2 if fusion == "film" else 6):
            make_run(tmp_path, fusion, seed, better + 0.0001 * (seed % 2))
    told = compared(tmp_path).sentences["toy (embedded)"]
    assert told[0] == "gated is ahead of all the others in accuracy with both."
    names = ["attention (accuracy", "concat − text_only =", "film, accuracy", "gated (accuracy"]
    assert [line[: len(name)] for line, name in zip(told[1:-2], names, strict=True)] == names
    assert "against concat, the reference (no difference shown" in told[1]
    assert "text_only, the better control (attention is better)" in told[1]
    assert "2 seeds: too few to say: " in told[3]
    assert told[-2] == "3 more comparisons in the table of all comparisons."
    assert bold(tmp_path) == {"gated"}  # a trial run of two seeds takes nothing from it


def test_nobody_ahead_and_too_few_are_said(tmp_path: Path) -> None:
    for fusion in ("a", "b", "c"):
        make_run(tmp_path, fusion, 0)
    assert (
        compared(tmp_path).sentences["toy (embedded)"][0].startswith("Fewer than 6 seeds: too few to say who is ahead")
    )
    for fusion in ("a", "b", "c"):
        for seed in range(1, 6):
            make_run(tmp_path, fusion, seed)
    told = compared(tmp_path).sentences["toy (embedded)"][0]
    assert told == "None of a, b, c is shown ahead of all the others in accuracy with both."


def test_the_table_of_comparisons_has_the_numbers_of_the_verdicts(sweep: Path) -> None:
    """attention is 0.02 ahead in each of six seeds: in points, with both ends of the interval."""
    found = {row["column"]: row for row in rows(sweep) if row["table"] == "All comparisons"}
    first = {r["column"]: r for r in reversed([r for r in rows(sweep) if r["table"] == "All comparisons"])}
    assert first["measure"]["text"] == "accuracy with both"
    assert (first["difference"]["text"], float(first["difference"]["value"])) == ("+2.0 points", pytest.approx(0.02))
    assert first["95 % interval over seeds"]["text"] == "[+2.0, +2.0]"
    assert first["p"]["text"] == "< 0.001"
    assert first["paired seeds"]["text"] == "6"
    assert found["measure"]["text"] == "caption class coherence"
    notes = [row["text"] for row in rows(sweep) if row["table"] == "Note" and row["data"] == "All comparisons"]
    unmeasured = "image class coherence, image attribute accuracy (attention − concat)."
    assert f"Not compared (not measured): {unmeasured}" in notes


def test_the_maps_stand_side_by_side_from_a_seed_that_all_have(tmp_path: Path) -> None:
    for fusion, seeds in (("a", (0, 1)), ("b", (1, 2))):
        for seed in seeds:
            Image.new("RGB", (40, 30)).save(make_run(tmp_path, fusion, seed) / "tsne.png")
    sections = {section.heading: section for section in figure_sections(compared(tmp_path).groups, 700)}
    shown = sections["Joint representation"].pictures["toy (embedded)"]
    assert [picture.title for picture in shown] == ["a, seed 1", "b, seed 1"]


def test_settings_of_one_fusion_share_a_line(tmp_path: Path) -> None:
    for dataset in ("x", "y", "toy"):
        make_run(tmp_path, "a", 0, dataset=dataset)
    make_run(tmp_path, "b", 0)
    told = compared(tmp_path).sentences
    assert list(told) == ["toy (embedded)", "2 settings of one fusion each"]


def test_chance_stands_beneath_accuracy(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "a", 0)
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["baselines"]["frequent_label"] = {"accuracy/both": 0.125, "availability/mean": 0.125}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    label, line = compared(tmp_path).tables[0].groups()["toy (embedded)"][-1]
    assert label == "frequent label"
    assert all(line["reference"])
    assert [text for text in line["text"] if text] == ["0.125", "0.125"]


def test_rates_of_missing_modalities_have_a_table_if_they_were_measured(tmp_path: Path) -> None:
    for fusion, accuracy in (("attention", 0.7), ("concat", 0.6)):
        rates = {"missing/0.4": accuracy, "missing/0.4_filled": accuracy + 0.05, "missing/0.25": None}
        make_run(tmp_path, fusion, 0, metrics=rates)
    (table,) = [table for table in compared(tmp_path).tables if table.caption == "Missing modalities"]
    frame = table.as_frame().droplevel("data")
    assert list(frame.columns) == ["seeds", "0.4\u00a0↑", "0.4, filled\u00a0↑"]
    assert frame.loc["concat", "0.4, filled\u00a0↑"] == pytest.approx(0.65)
    other = tmp_path / "other"
    make_run(other, "concat", 0)
    assert "Missing modalities" not in [table.caption for table in compared(other).tables]


def test_the_page_opens_with_the_forest_plot_then_the_verdict_then_tables(sweep: Path) -> None:
    page = (sweep / "report.html").read_text()
    parts = [
        'href="#differences"',
        'id="differences"',
        'alt="Against the reference fusion',
        '<div class="verdict">',
        "<table",
        'alt="Accuracy with missing',
    ]
    places = [page.index(part) for part in parts]
    assert places == sorted(places)
    told = (sweep / "report.md").read_text()
    parts = ["## Differences", "](forest.png)", "## Verdict", "## Quality"]
    assert [told.index(part) for part in parts] == sorted(told.index(part) for part in parts)


def test_a_paper_finds_a_vector_figure_with_its_fonts_and_tables(sweep: Path) -> None:
    pdf = (sweep / "forest.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"/FontFile2" in pdf  # TrueType
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf
    with Image.open(sweep / "forest.png") as picture:
        assert picture.width > 1000
    assert r"\toprule" in (sweep / "table.tex").read_text()
    for name in ("forest.pdf", "forest.png", "table.tex"):
        assert f"<code>{name}</code>" in (sweep / "report.html").read_text()


@pytest.mark.usefixtures("without_figures")
def test_one_fusion_has_no_forest_plot_and_keeps_none_of_an_earlier_report(tmp_path: Path) -> None:
    (tmp_path / "forest.pdf").write_text("of an earlier report")
    make_run(tmp_path, "a", 0)
    write_report(tmp_path, 0.01)
    assert not (tmp_path / "forest.pdf").exists()
    page = (tmp_path / "report.html").read_text()
    assert 'id="differences"' not in page
    assert "forest.p" not in (tmp_path / "report.md").read_text()
    assert "<code>table.tex</code>" in page


@pytest.mark.usefixtures("without_figures")
def test_columns_and_groups_of_dashes_are_left_out_of_page_and_markdown_but_not_of_the_csv(tmp_path: Path) -> None:
    names = ("text_to_image/ssim", "image_to_text/class_coherence", "image_to_text/bleu4")
    why = dict.fromkeys(names, "the caption describes no picture")
    for fusion in ("a", "b"):
        make_run(tmp_path, fusion, 0)
        make_run(tmp_path, fusion, 0, dataset="other", metrics=dict.fromkeys(names), undefined=why)
    quality, generation, *_ = compared(tmp_path).tables
    judged = "image class coherence\u00a0↑"  # of the judge alone
    assert judged in generation.columns
    assert judged not in generation.without_dashes().columns
    assert list(generation.without_dashes().groups()) == ["toy (embedded)"]
    labels = [label for label, _ in generation.without_dashes().groups()["toy (embedded)"]]
    assert labels == ["a", "b", "mean image", "frequent caption", "the judge itself"]
    assert len(quality.without_dashes().groups()) == 2
    write_report(tmp_path, 0.01)
    assert any(row["column"] == judged for row in rows(tmp_path))
    assert "the caption describes no picture" in (tmp_path / "report.html").read_text()


def test_notes_explain_the_columns_that_are_shown_and_name_the_others_once(tmp_path: Path) -> None:
    names = {"image_to_text/class_coherence": "captions name no class", "text_to_image/ssim": "no picture"}
    for fusion in ("a", "b"):
        make_run(tmp_path, fusion, 0, metrics=dict.fromkeys(names), undefined=names)
    make_run(tmp_path, "c", 0, metrics={"text_to_image/ssim": None}, undefined=names)
    (generation,) = (table for table in compared(tmp_path).tables if table.caption.startswith("Generation"))
    dashes = [note for note in generation.notes if note.startswith("–")]
    assert dashes == ["– captions name no class: a, b (caption class coherence)."]
    (hidden,) = (note for note in generation.notes if note.startswith("Without a column"))
    assert "image SSIM\u00a0↑" in hidden


def test_undefined_differences_are_a_note_for_each_reason_instead_of_lines(tmp_path: Path) -> None:
    names = ("image_to_text/class_coherence", "accuracy/text")
    for fusion in ("a", "b", "c"):
        make_run(tmp_path, fusion, 0, metrics=dict.fromkeys(names), undefined=dict.fromkeys(names, "why"))
    (table,) = (table for table in compared(tmp_path).tables if table.caption == "All comparisons")
    measures = set(table.cells["text"][table.cells["column"] == "measure"])
    assert measures == {"accuracy with both", "accuracy from the image alone", "mean of the three accuracies"}
    (note,) = (note for note in table.notes if note.startswith("Not compared (why)"))
    assert note == (
        "Not compared (why): accuracy from the caption alone, caption class coherence (a − b, a − c, b − c)."
    )


@pytest.mark.usefixtures("without_figures")
def test_a_long_table_is_folded_on_the_page(tmp_path: Path) -> None:
    for fusion in "abcdefg":
        make_run(tmp_path, fusion, 0)
    (table,) = (table for table in compared(tmp_path).tables if table.caption == "All comparisons")
    assert table.folded
    assert table.count == 21 * 5
    write_report(tmp_path, 0.01)
    page = (tmp_path / "report.html").read_text()
    assert page.count('<details class="fold">') == 1
    assert "<summary>105 lines</summary>" in page


def test_numbers_that_people_read_have_one_sign_and_those_of_the_csv_a_hyphen(tmp_path: Path) -> None:
    for fusion in ("attention", "concat"):
        make_run(tmp_path, fusion, 0, metrics={"fusion/gain": -0.23, "interaction/emap_gap": -0.5})
    write_report(tmp_path, 0.01)
    for kind in ("html", "md"):
        text = (tmp_path / f"report.{kind}").read_text()
        assert "−0.230" in text
        assert "−0.500" in text
        assert not re.search(
            r"[^\w.#,(-]-\d*\.\d",
            re.sub(r"<style>.*</style>|data:image[^\"]*|data-value=\"[^\"]*\"", "", text, flags=re.S),
        )
    assert {row["value"] for row in rows(tmp_path) if row["text"] == "−0.230"} == {"-0.23"}


@pytest.mark.usefixtures("without_figures")
def test_a_table_without_any_number_is_replaced_by_a_sentence(tmp_path: Path) -> None:
    names = ("text_to_image/ssim", "image_to_text/class_coherence", "image_to_text/bleu4")
    make_run(tmp_path, "a", 0, metrics=dict.fromkeys(names), undefined=dict.fromkeys(names, "no picture"))
    write_report(tmp_path, 0.01)
    for kind in ("html", "md"):
        assert "No fusion has a number here" in (tmp_path / f"report.{kind}").read_text()


def test_budgets_stand_in_their_order(tmp_path: Path) -> None:
    runs = read_runs(make_run(tmp_path, "a", 0))[0]
    of = [replace(run, setting=f"training.steps={n}") for n in (1000, 250, 30) for run in runs]
    assert [title.partition("=")[2] for title in by_group(of)] == ["30", "250", "1000"]


def test_a_note_stands_once(sweep: Path) -> None:
    notes = [note for table in compared(sweep).tables for note in table.notes]
    assert len(notes) == len(set(notes)) > 3
