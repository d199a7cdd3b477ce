"""Tuned runs in a comparison: grouped by how they were tuned, told in the verdict, and listed with their choices."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from multimodal.comparison.comparison import Comparison, compare
from multimodal.comparison.markdown import as_markdown
from multimodal.comparison.reading import read_runs
from multimodal.comparison.tuning_table import CAPTION
from multimodal.runs.record import read_record
from tests.helpers.made_up_runs import make_run, record

SPACE = ["optimizer.lr=tag(log,interval(0.0003,0.01))", "head.label.dropout=0.0,0.1"]


def make_tuned(folder: Path, fusion: str, seed: int, rate: float, **changed: Any) -> Path:
    """A run at a chosen learning rate, which another setting follows."""
    run = make_run(folder, fusion, seed)
    tuning = {
        "space": SPACE,
        "trials": 20,
        "failed": 1,
        "tuning_seeds": [1000],
        "sampler_seed": 0,
        "chosen": {"optimizer.lr": rate, "head.label.dropout": 0.1},
        "trial": 7,
        "validation_accuracy": 0.875,
        "untuned": {"optimizer.lr": 0.001, "training.optimizer.lr": 0.001},
        "command": ["mode=tune", f"fusion={fusion}", f"seed={seed}"],
    }
    made = read_record(run)
    settings = {"optimizer": {"lr": rate}, "training": {"optimizer": {"lr": rate}, "steps": 50}}
    overrides = [f"fusion={fusion}", "training.steps=50", f"seed={seed}", f"optimizer.lr={rate}"]
    replace(made, config=made.config | settings, overrides=overrides, tuning=tuning | changed).write(run)
    return run


def compared(folder: Path) -> Comparison:
    return compare(folder, *read_runs(folder), 0.01)


def test_fusions_that_were_tuned_alike_are_compared_each_at_its_own_choice(tmp_path: Path):
    for seed in range(2):
        make_tuned(tmp_path, "attention", seed, 0.003)
        make_tuned(tmp_path, "concat", seed, 0.0005)
    found = compared(tmp_path)
    assert list(found.groups) == ["toy (embedded)"]
    assert {run.fusion for run in found.groups["toy (embedded)"]} == {"attention", "concat"}
    words = " ".join(found.sentences["toy (embedded)"])
    space = "optimizer.lr 0.0003 to 0.01 (log), head.label.dropout 0.0 or 0.1"
    assert f"; tuned: 20 trials per fusion over {space};" in words
    assert "untuned" not in words


def test_other_settings_that_are_given_are_told_beside_the_search(tmp_path: Path):
    make_tuned(tmp_path, "attention", 0, 0.003)
    run = make_tuned(tmp_path, "concat", 0, 0.0005)
    made = read_record(run)
    replace(made, overrides=[*made.overrides, "missing=zero"]).write(run)
    (line,) = [line for line in compared(tmp_path).sentences["toy (embedded)"] if line.startswith("Holds for")]
    assert "head.label.dropout 0.0 or 0.1; all else defaults but for missing;" in line


def test_the_table_has_trials_choices_and_space(tmp_path: Path):
    make_tuned(tmp_path, "attention", 0, 0.003)
    make_tuned(tmp_path, "concat", 0, 0.0005, failed=0)
    (table,) = [table for table in compared(tmp_path).tables if table.caption == CAPTION]
    assert table.columns == [
        "trials",
        "failed",
        "chosen trial",
        "validation accuracy",
        "optimizer.lr",
        "head.label.dropout",
    ]
    lines = {label: list(line["text"]) for _, label, line in table.lines()}
    assert lines == {
        "attention": ["20", "1", "7", "0.875", "0.003", "0.1"],
        "concat": ["20", "0", "7", "0.875", "0.0005", "0.1"],
    }
    assert table.notes[-1] == (
        "Space: optimizer.lr 0.0003 to 0.01 (log); head.label.dropout 0.0 or 0.1. Seeds of the trials: 1000; of the "
        "search: 0."
    )


def test_untuned_runs_and_those_of_another_search_are_in_groups_of_their_own(tmp_path: Path):
    make_tuned(tmp_path, "attention", 0, 0.003)
    make_tuned(tmp_path, "concat", 0, 0.003, trials=40)
    run = make_run(tmp_path, "gated", 0)
    made = read_record(run)
    plain = {"optimizer": {"lr": 0.001}, "training": {"optimizer": {"lr": 0.001}, "steps": 50}}
    replace(made, config=made.config | plain).write(run)
    found = compared(tmp_path)
    assert {title: runs[0].fusion for title, runs in found.groups.items()} == {
        "toy (embedded)": "gated",
        "toy (embedded), tuned.trials=20": "attention",
        "toy (embedded), tuned.trials=40": "concat",
    }
    assert not found.checklist[0].ticked


def test_the_checklist_and_no_table_stand_in_a_report_of_untuned_runs(tmp_path: Path):
    make_run(tmp_path, "attention", 0)
    told = as_markdown(compared(tmp_path), {})
    assert "## Tuning" not in told
    assert "- [ ] **Equal tuning**: untuned: attention in toy (embedded).\n  To do: search settings" in told
    assert "  ```bash\n  python scripts/run.py -m mode=tune dataset=toy" in told


@pytest.mark.parametrize("changed", [{"trials": "20"}, {"space": ["optimizer.lr"]}, {"chosen": None}])
def test_a_damaged_entry_leaves_the_run_out(tmp_path: Path, changed: dict[str, Any]):
    make_tuned(tmp_path, "attention", 0, 0.003, **changed)
    make_run(tmp_path, "concat", 0)
    runs, (left_out,) = read_runs(tmp_path)
    assert [run.fusion for run in runs] == ["concat"]
    assert left_out.error.startswith("config.yaml: record.tuning")


def test_a_final_run_that_failed_is_listed_once(tmp_path: Path):
    """The job's record has the command of the search, the run's own that of its settings."""
    make_run(tmp_path, "concat", 0)
    run = make_tuned(tmp_path, "attention", 0, 0.003)
    (run / "metrics.json").unlink()
    (run / "status.json").write_text('{"status": "failed", "error": "no memory", "traceback": ""}')
    overrides = read_record(run).tuning["command"]
    record(tmp_path, status="failed", overrides=overrides, error="no memory")
    _, failures = read_runs(tmp_path)
    assert [failure.overrides for failure in failures] == [overrides]


def test_a_record_from_before_there_was_tuning_is_read(tmp_path: Path):
    run = make_run(tmp_path, "concat", 0)
    text = (run / "config.yaml").read_text()
    assert "  tuning: null\n" in text
    (run / "config.yaml").write_text(text.replace("  tuning: null\n", ""))
    assert read_record(run).tuning is None
