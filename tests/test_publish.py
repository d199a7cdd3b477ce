"""scripts/publish.py copies a comparison into the repository; tables of two pages are those of the published files."""

import importlib.util
import json
import re
import shlex
from types import ModuleType

import pandas as pd
import pytest
from omegaconf import OmegaConf

from multimodal.comparison.report import write_report
from multimodal.comparison.run_labels import flat
from multimodal.runs.build import as_dict
from multimodal.runs.composition import compose
from tests.helpers.command import command
from tests.helpers.made_up_runs import make_sweep
from tests.helpers.toy import ROOT

RESULTS = ROOT / ".github" / "results"
DIGITS = "mnist (embedded)"  # data that every machine has
REPEATABLE = sorted(file.parent.name for file in RESULTS.glob("*/report.csv") if DIGITS in file.read_text("utf-8"))


@pytest.fixture
def publish() -> ModuleType:
    """scripts/publish.py as a module."""
    spec = importlib.util.spec_from_file_location("publish", ROOT / "scripts" / "publish.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_say_what_is_published(publish):
    pages = [page.read_text(encoding="utf-8") for page in publish.PAGES]
    assert [publish.with_results(page, publish.RESULTS) for page in pages] == pages
    shown = {name for page in pages for _, _, name, _ in publish.BLOCK.findall(page)}
    assert {folder.name for folder in publish.RESULTS.glob("*") if folder.is_dir()} == shown


def test_a_sweep_is_copied_with_its_command_and_shown_as_a_table(publish, tmp_path, monkeypatch):
    sweep = tmp_path / "runs" / "look"
    make_sweep(sweep)
    write_report(sweep, 0.01)
    overrides = ["fusion=attention,concat", "experiment=[a,b]", "dataset.path=${dataset.name}", "output_dir=/here"]
    made = {"hydra": {"overrides": {"task": overrides}}, "dataset": {"name": "the last job's"}}
    page = tmp_path / "README.md"
    page.write_text("# A\n<!-- results look -->\nold\n<!-- end -->\nB\n")
    monkeypatch.setattr(publish, "PAGES", [page])
    (sweep / "multirun.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(made)))
    monkeypatch.setattr(publish, "RESULTS", tmp_path / "results")
    target = publish.publish(sweep)
    assert sorted(file.name for file in target.iterdir()) == ["forest.png", "provenance.json", "report.csv"]
    command = json.loads((target / "provenance.json").read_text())["command"]
    assert (
        command == "python scripts/run.py -m fusion=attention,concat 'experiment=[a,b]' 'dataset.path=${dataset.name}'"
    )
    readme = publish.with_results(page.read_text(), tmp_path / "results")
    assert "old" not in readme
    assert f"`{command}`" in readme
    head, _, row = readme.splitlines()[2:5]
    assert head.startswith("| data | attention | concat |")
    report = pd.read_csv(target / "report.csv")
    accuracies = report[(report.table == "Quality") & (report.column == "accuracy with both\xa0↑")].text.tolist()
    assert len(accuracies) == 2
    assert all(f"| {value} |" in row for value in accuracies)
    assert "+2.0 points [" in row
    assert "n = 6: attention is better" in row
    measures = publish.with_results("<!-- measures look -->\n<!-- end -->\n", tmp_path / "results")
    head, _, attention, concat = measures.splitlines()[1:5]
    assert head.startswith("| data | line | seeds | accuracy with both\xa0↑ |")
    assert [row.split(" | ")[1] for row in (attention, concat)] == ["attention", "concat"]
    assert [row.split(" | ")[3] for row in (attention, concat)] == accuracies
    transposed = publish.with_results("<!-- accuracies look -->\n<!-- end -->\n", tmp_path / "results")
    data = row.split(" | ")[0].removeprefix("| ")
    assert transposed.splitlines()[1:5] == [
        f"| line | {data} |",
        "| --- | --- |",
        f"| attention | {accuracies[0]} |",
        f"| concat | {accuracies[1]} |",
    ]
    generation = publish.with_results("<!-- generation look -->\n<!-- end -->\n", tmp_path / "results")
    assert "caption BLEU-4\xa0↑" in generation.splitlines()[1]


def test_a_folder_without_a_comparison_is_refused(publish, tmp_path):
    with pytest.raises(ValueError, match=r"has no report\.csv, forest\.png, multirun\.yaml: give the folder"):
        publish.publish(tmp_path)


def test_a_table_without_results_and_results_without_a_table_are_refused(publish, tmp_path):
    with pytest.raises(ValueError, match="shows the results of look, but nothing is published"):
        publish.with_results("<!-- results look -->\n<!-- end -->\n", tmp_path)
    for name in (*publish.PARTS, "multirun.yaml"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"README\.md needs the lines <!-- results \S+ --> and <!-- end -->"):
        publish.publish(tmp_path)


def published_command(report: pd.DataFrame, data: str, line: str) -> list[str]:
    """The overrides of the published run of seed 0 that is in a line: of a fusion, at the settings that both name."""
    fusion, _, variant = line.partition(" ")
    settings = [part for part in f"{data}, {variant}".split(", ") if "=" in part]
    rows = report[(report.table == "Commands") & report.line.str.startswith(f"mnist-{fusion}-s0-", na=False)]
    for text in rows.text:
        overrides = shlex.split(text)[2:]
        leaves = [f".{name}={value}" for name, value in flat(as_dict(compose(overrides).config)).items()]
        if all(part in overrides or any(leaf.endswith(f".{part}") for leaf in leaves) for part in settings):
            return overrides
    raise LookupError(f"no command for {data}, {line}")


def first_line(publish: ModuleType, name: str) -> tuple[list[str], float, float]:
    """Of a published comparison, concatenation in the first setting of the digits: overrides, mean, deviation."""
    report = pd.read_csv(RESULTS / name / "report.csv")
    table = publish.accuracy_table(report)
    data = next(data for data in table.index if data.startswith(DIGITS))
    line = next(line for line in table if line.startswith("concat"))
    mean, deviation = (float(x) for x in table.loc[data, line].split(" ± "))
    return published_command(report, data, line), mean, deviation


@pytest.mark.parametrize("name", REPEATABLE)
def test_the_command_of_a_published_accuracy_is_published(name, publish):
    overrides, *_ = first_line(publish, name)
    assert {"dataset=mnist", "fusion=concat", "seed=0", "dataset.source=embedded"} <= set(overrides)
    assert not any(override.startswith("mode=") for override in overrides)  # a search is not made again


@pytest.mark.slow  # a minute and a half for each published comparison on one thread
@pytest.mark.parametrize("name", REPEATABLE)
def test_a_published_accuracy_is_made_again(name, publish, tmp_path):
    """Run one seed of the first setting of the digits anew; it lies within three deviations of the published mean."""
    overrides, mean, deviation = first_line(publish, name)
    done = command(tmp_path, *overrides, "output_dir=runs")
    assert done.status == 0, done.stderr
    (metrics,) = (tmp_path / "runs").rglob("metrics.json")
    assert abs(json.loads(metrics.read_text())["accuracy/both"] - mean) < 3 * deviation + 0.001  # rounded


def test_what_is_published_names_no_folder_of_a_machine(publish, tmp_path) -> None:
    report = tmp_path / "report.csv"
    told = (
        """python run.py seed=0 'cache_dir='"'"'/data/c'"'"'' output_dir=/data/a task=noisy\nand output_dir=/data/b"""
    )
    pd.DataFrame({"table": ["Commands"], "text": [told], "value": ["0.50"]}).to_csv(report, index=False)
    publish.hide_places(report)
    (row,) = pd.read_csv(report, dtype=str).to_dict("records")
    assert row == {"table": "Commands", "text": "python run.py seed=0 task=noisy\nand", "value": "0.50"}
    files = [file for name in ("report.csv", "provenance.json") for file in RESULTS.glob(f"*/{name}")]
    assert files
    assert [file for file in files if re.search("(output_dir|cache_dir)=", file.read_text())] == []
