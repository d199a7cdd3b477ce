"""Runs read from folders written here: what sets them apart, what follows from it and what does not matter."""

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from omegaconf import OmegaConf

from multimodal.comparison.grouping import group_titles
from multimodal.comparison.reading import Failure, Run, read_runs, run_files
from multimodal.comparison.run_labels import USUAL, differences, labels, with_neighbours
from multimodal.io import write_csv, write_json
from multimodal.runs.record import RunRecord
from multimodal.runs.run_id import code_keys
from multimodal.runs.settings import check_compared
from tests.helpers.made_up_runs import record
from tests.helpers.toy import ROOT

WORDS = {
    "original": 36,
    "synergy": 40,
    "anonymous": 30,
}  # in the vocabulary under each choice of captions, the source adds some


def write_run(folder: Path, fusion: str = "concat", seed: int = 0, caption: str = "original", **other: Any) -> None:
    """A finished run: `layers`, `steps`, `devices`, `dataset`, `source`, `fingerprint`, `weights` may be given."""
    dataset, source = other.get("dataset", "mnist"), other.get("source", "embedded")
    choices = {"mode": "train", "fusion": fusion, "caption": caption, "dataset": dataset, "head": dataset}
    choices |= ({"task": other["task"]} if "task" in other else {}) | other.get("choices", {})
    config = {
        "dataset": {"source": source, "path": f"/data/{source}", "limit": other.get("limit")},
        "encoder": {"text": {"vocab_size": WORDS[caption] + len(source)}, "image": {"widths": [8, 16]}},
        "fusion": {"layers": other.get("layers", 1)},
        "training": {"steps": other.get("steps", 100), "devices": other.get("devices", 1)},
        "seed": seed,
        "output_dir": str(folder),
    }
    run = RunRecord(
        config=other.get("config", config) | {"seed": seed},
        choices=choices,
        overrides=other.get("overrides", []),
        data_source=source,
        fingerprint=other.get("fingerprint", f"{source}-{caption}"),
        weights={"image": other.get("weights", "random")},
        checkpoint=None,
        key="",
        evaluation_key="",
        code=other.get("code", ""),
        fusion_code=other.get("fusion_code", ""),
        code_parts=other.get("code_parts", {}),
    )
    metrics = {"accuracy/both": 0.9, "image_to_text/distinct": 7, "image_to_text/class_coherence": None}
    extra = {"undefined": {"image_to_text/class_coherence": "why"}, "baselines": {}, "seconds": {"judges": 1.0}}
    surface = {"availability/surface": [{"no_image": 0.0, "no_text": 0.0, "accuracy": 0.9}]}
    folder.mkdir(parents=True)
    run.write(folder)
    facts = {"choices": choices, "seed": seed, "data_source": source}
    write_json(metrics | extra | surface | {"availability/fill": "none"} | facts, folder / "metrics.json")
    write_csv([{"step": 1, "train/loss": 2.0}, {"step": 2, "validation/loss": 1.5}], folder / "history.csv")


def read(folder: Path) -> list[Run]:
    return read_runs(folder)[0]


def apart(folder: Path) -> list[tuple[str, str]]:
    """(setting, fusion) of each run."""
    return [(run.setting, run.fusion) for run in read(folder)]


def test_a_run_is_read_whole_and_metrics_are_numbers(tmp_path: Path) -> None:
    write_run(tmp_path / "run", seed=3)
    for folder in (tmp_path, tmp_path / "run"):  # of runs, or of one
        (run,) = read(folder)
        assert (run.folder, run.seed, run.fusion, run.setting) == (tmp_path / "run", 3, "concat", "")
        assert run.group == ("mnist", "embedded", "embedded-original", "")
        assert run.metrics == {
            "accuracy/both": 0.9,
            "image_to_text/distinct": 7,
            "image_to_text/class_coherence": None,
        }
        assert run.undefined == {"image_to_text/class_coherence": "why"}
        assert run.surface[0]["accuracy"] == 0.9
        assert run.history == [{"step": 1, "train/loss": 2.0}, {"step": 2, "validation/loss": 1.5}]
        assert run.config["training"]["steps"] == 100


def test_unfinished_runs_are_none_and_failed_jobs_are_told(tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    (tmp_path / "a" / "metrics.json").unlink()
    record(tmp_path, overrides=["seed=1"], status="failed", error="ValueError: no", traceback="...", seed=1)
    record(tmp_path, overrides=["seed=2"], status="finished", folder="a")
    assert read_runs(tmp_path) == (
        [],
        [Failure(["seed=1"], "ValueError: no", "...", dataset="toy", fusion="attention")],
    )


def test_seed_fusion_and_paths_set_nothing_apart(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "attention", seed=0)
    write_run(tmp_path / "b", "concat", seed=1)
    assert apart(tmp_path) == [("", "attention"), ("", "concat")]


def test_choices_and_numbers_set_apart_but_not_what_follows_from_them(tmp_path: Path) -> None:
    """Another caption has another vocabulary and fingerprint; only its name is told."""
    write_run(tmp_path / "a", caption="original")
    write_run(tmp_path / "b", caption="synergy")
    write_run(tmp_path / "c", caption="synergy", steps=200)
    assert [setting for setting, _ in apart(tmp_path)] == [
        "caption=original, training.steps=100",
        "caption=synergy, training.steps=100",
        "caption=synergy, training.steps=200",
    ]


def test_less_data_and_other_weights_set_apart(tmp_path: Path) -> None:
    write_run(tmp_path / "a", limit=50, fingerprint="few")
    write_run(tmp_path / "b", weights="pretrained")
    write_run(tmp_path / "c")
    assert sorted(setting for setting, _ in apart(tmp_path)) == [
        "weights.image=pretrained, dataset.limit=null",
        "weights.image=random, dataset.limit=50",
        "weights.image=random, dataset.limit=null",
    ]


def test_other_arguments_make_another_fusion(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "attention", layers=1)
    write_run(tmp_path / "b", "attention", layers=2)
    write_run(tmp_path / "c", "concat")
    assert apart(tmp_path) == [("", "attention layers=1"), ("", "attention layers=2"), ("", "concat")]


def test_datasets_do_not_set_each_other_apart(tmp_path: Path) -> None:
    write_run(tmp_path / "a", dataset="mnist", steps=100)
    write_run(tmp_path / "b", dataset="animals", steps=200)
    assert apart(tmp_path) == [("", "concat")] * 2


def test_another_source_is_another_group_with_its_title(tmp_path: Path) -> None:
    write_run(tmp_path / "a", source="embedded")
    write_run(tmp_path / "b", source="hub", fingerprint="x")
    write_run(tmp_path / "c", source="hub", fingerprint="y")
    runs = read(tmp_path)
    assert list(group_titles(runs).values()) == ["mnist (embedded)", "mnist (hub, data x)", "mnist (hub, data y)"]
    tasks = [replace(run, setting=f"task={run.fingerprint}") for run in runs if run.source == "hub"]
    assert list(group_titles(tasks).values()) == ["mnist (hub), task=x", "mnist (hub), task=y"]
    assert [run.setting for run in runs] == [""] * 3
    write_run(tmp_path / "d", caption="synergy", fingerprint="embedded-original")
    assert "mnist (embedded), caption=synergy" in group_titles(read(tmp_path)).values()


def test_a_task_and_captions_that_are_not_the_default_are_named_also_where_all_runs_have_them(tmp_path: Path) -> None:
    for seed in range(2):
        write_run(tmp_path / f"{seed}", seed=seed, task="noisy")
    assert list(group_titles(read(tmp_path)).values()) == ["mnist (embedded), task=noisy"]
    write_run(tmp_path / "2", "sum", caption="anonymous", task="synergy")
    assert {run.setting for run in read(tmp_path)} == {
        "task=noisy, caption=original",
        "task=synergy, caption=anonymous",
    }


def test_the_defaults_that_are_not_named_are_those_of_the_config() -> None:
    defaults = OmegaConf.load(ROOT / "conf" / "config.yaml").defaults
    chosen = [dict(entry) for entry in defaults if not isinstance(entry, str)]
    assert {name: choice for entry in chosen for name, choice in entry.items() if name in USUAL} == USUAL


def test_of_equal_runs_the_newest_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for age, name in enumerate(("b", "a", "c")):
        write_run(tmp_path / name)
        os.utime(tmp_path / name / "metrics.json", (1e9 - age, 1e9 - age))
    with caplog.at_level(logging.WARNING):
        (run,) = read(tmp_path)
    assert run.folder.name == "b"
    assert "a repeats" in caplog.text
    assert "c repeats" in caplog.text


def test_a_folder_of_folders_of_runs_and_what_was_set_aside(tmp_path: Path) -> None:
    for night in ("monday", "tuesday"):
        write_run(tmp_path / night / "a", seed=len(night))
    write_run(tmp_path / "replaced" / "a", seed=9)
    assert sorted(run.seed for run in read(tmp_path)) == [6, 7]


def test_folders_of_runs_beside_runs_are_found_and_said_to_be_left_out(tmp_path: Path, caplog) -> None:
    """A run's evaluations are part of it."""
    for name in ("a", "a/evaluation-1", "sweep/a", "sweep/b", "replaced/a"):
        write_run(tmp_path / name)
    found = [file.parent.relative_to(tmp_path).as_posix() for file in run_files(tmp_path, "metrics.json")]
    assert sorted(found) == ["a", "sweep/a", "sweep/b"]
    runs, (failure,) = read_runs(tmp_path)
    assert [run.folder for run in runs] == [tmp_path / "a"]
    reason = f"its runs are not compared with those beside it; output_dir={tmp_path / 'sweep'} compares them"
    assert (failure.status, failure.name, failure.error) == ("left out", "sweep", reason)
    assert reason in caplog.text


def test_a_run_may_hold_a_sweep_in_its_own_folder(tmp_path: Path) -> None:
    """As `output_dir=x`, then `-m output_dir=x`."""
    for seed, name in enumerate(("x", "x/a", "x/b", "x/evaluation-1")):
        write_run(tmp_path / name, seed=seed)
    assert [run.seed for run in read(tmp_path / "x")] == [0, 1, 2]


def test_a_failed_job_is_told_until_it_is_mended_and_a_single_run_too(tmp_path: Path) -> None:
    """Whatever other sweep has run in the folder since."""
    for i, status in enumerate(("failed", "finished")):
        record(tmp_path, overrides=[f"seed={i}"], status=status, error="no", traceback="t", sweep=str(i))
    for name, overrides in (("alone", ["seed=5"]), ("of a job", ["seed=0"])):
        write_run(tmp_path / name, overrides=overrides)
        (tmp_path / name / "metrics.json").unlink()
        write_json({"status": "failed", "error": "broken", "traceback": "t"}, tmp_path / name / "status.json")
    assert read_runs(tmp_path)[1] == [
        Failure(["seed=0"], "no", "t", dataset="toy", fusion="attention"),
        Failure(["seed=5"], "broken", "t", multirun=False, dataset="mnist", fusion="concat"),
    ]


OTHERS = ["fusion=attention", "seed=3", "tracking=disabled", "output_dir=x", "training.accelerator=cpu"]
OTHERS += ["evaluation.figures.samples=3", "evaluation.image_judge.cache=x"]
APART = ["missing=zero", "head/image=resize_conv", "loss=none", "dim=32", "training.devices=2", "training.steps=9"]
APART += [
    "encoder/text=gru",
    "caption=anonymous",
    "task=conflict",
    "evaluation.measures.availability.grid_steps=3",
    "fusion_parameters=9",
]
APART += ["dataset.augment.flip=true", "evaluation.fill=generated", "training.modality_dropout.text=0"]


@pytest.mark.parametrize("override", OTHERS + APART)
def test_what_a_command_line_sets_apart(tmp_path: Path, config, override: str) -> None:
    """With the whole config: a part of it that is forgotten would be averaged over."""
    for name, overrides in (("a", []), ("b", [override])):
        cfg = OmegaConf.to_container(config(*overrides), resolve=True) | (
            {"dim": 32} if override == "dim=32" and overrides else {}
        )
        write_run(tmp_path / name, fusion=name, config=cfg)
    (first, second) = read(tmp_path)
    assert (first.setting != second.setting) == (override in APART)


@pytest.mark.parametrize(
    ("compared", "override", "named"),
    [
        ("missing", "missing=zero", "missing=zero"),
        ("optimizer", "optimizer=sgd", "optimizer=sgd"),
        ("training", "optimizer=sgd", "optimizer=sgd"),
        ("optimizer.lr", "optimizer.lr=0.5", "optimizer.lr=0.5"),
        ("encoder/text", "encoder/text=gru", "encoder/text=gru"),
        ("loss", "loss=none", "loss=none"),
        ("training.modality_dropout", "training.modality_dropout.text=0", "modality_dropout.text=0"),
        ("loss.weights", "loss.weights.contrastive=0.5", "loss.weights.contrastive=0.5"),
    ],
)
def test_what_is_compared_like_a_fusion_names_it_and_sets_nothing_apart(
    tmp_path: Path, config, compared: str, override: str, named: str
) -> None:
    for name, overrides in (("a", []), ("b", [override])):
        group, _, option = override.partition("=")
        usual = {"missing": "learned", "loss": "infonce", "encoder/text": "lstm", "optimizer": "adamw"}
        chosen = usual | ({group: option} if overrides and group in usual else {})
        whole = OmegaConf.to_container(config(*overrides), resolve=True)
        write_run(tmp_path / name, config=whole, choices=chosen, **code_keys(whole))
    apart = [run.setting for run in read_runs(tmp_path)[0]]
    assert len(set(apart)) == 2
    runs, left_out = read_runs(tmp_path, [compared])
    assert not left_out
    assert [run.setting for run in runs] == ["", ""]
    assert len({run.group for run in runs}) == 1
    (changed,) = (run.fusion for run in runs if run.folder.name == "b")
    assert changed.split() == ["concat", named]


def test_of_what_is_compared_only_the_other_code_sets_runs_apart(tmp_path: Path) -> None:
    parts = {"encoder.image": "1", "training": "1"}
    edits = {"usual": {}, "own": {"encoder.image": "2"}, "edited": {"encoder.image": "3", "training": "2"}}
    for seed, (name, changed) in enumerate(edits.items()):
        write_run(tmp_path / name, seed=seed, code=name, code_parts=parts | changed)
    runs, _ = read_runs(tmp_path, ["encoder/image"])
    usual, own, edited = (next(run.setting for run in runs if run.folder.name == name) for name in edits)
    assert usual == own != edited


def test_the_weights_of_an_encoder_are_part_of_it(tmp_path: Path) -> None:
    for weights in ("random", "imagenet"):
        write_run(tmp_path / weights, weights=weights)
    assert [run.setting for run in read_runs(tmp_path, ["encoder"])[0]] == ["", ""]
    assert len({run.setting for run in read(tmp_path)}) == 2


def test_what_a_sweep_compared_is_compared_again_unless_another_list_is_given(tmp_path: Path) -> None:
    for steps in (100, 200):
        config = {"training": {"steps": steps}, "dataset": {}, "report": {"compared": ["training.steps"]}}
        write_run(tmp_path / str(steps), config=config)
    assert [run.setting for run in read_runs(tmp_path)[0]] == ["", ""]
    assert [run.setting for run in read_runs(tmp_path, [])[0]] == ["training.steps=100", "training.steps=200"]


def test_what_no_run_has_is_not_compared(tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    with pytest.raises(ValueError, match=r"report\.compared has loss\.terms\.x, which no run here has"):
        read_runs(tmp_path, ["training.steps", "loss.terms.x"])


@pytest.mark.parametrize("wrong", [["fusion"], ["loss", "task"], "loss", ["seed"], ["dataset.limit"], 1])
def test_what_cannot_be_compared_like_a_fusion_is_refused(wrong: list[str] | str | int) -> None:
    check_compared(["loss", "encoder/text", "training.modality_dropout.text"])
    check_compared(None)
    with pytest.raises(
        ValueError, match=r"report\.compared must be a list such as \[loss\] .* of encoder, missing, head"
    ):
        check_compared(wrong)


def test_other_code_is_another_setting_and_another_fusion(tmp_path: Path) -> None:
    for name, fusion, code, own in (("a", "concat", "1", "2"), ("b", "concat", "1", "3"), ("c", "sum", "4", "5")):
        write_run(tmp_path / name, fusion, code=code, fusion_code=own)
    assert apart(tmp_path) == [
        ("code=1", "concat fusion_code=2"),
        ("code=1", "concat fusion_code=3"),
        ("code=4", "sum"),
    ]


def test_differences_set_every_two_apart_and_no_key_without_need() -> None:
    rows = [{"a": 1, "b": 1, "c": 0}, {"a": 1, "b": 1, "c": 0}, {"a": 2, "b": 2, "c": 0}, {"a": 2, "b": 2, "d": 1}]
    values = pd.DataFrame(rows, dtype=object)
    assert labels(differences(values)) == [["a=1", "c=0"], ["a=1", "c=0"], ["a=2", "c=0"], ["a=2"]]
    values.insert(0, "known", list("wxyz"))
    assert list(differences(values)) == ["known"]


def test_settings_of_one_inner_part_that_change_together_are_named_together() -> None:
    rows = [
        {"training.rates.image": rate, "training.rates.text": rate, "training.rates.ramp": 0} for rate in (0.1, 0.3)
    ]
    values = pd.DataFrame(rows, dtype=object).assign(**{"training.steps": [1, 2]})  # of another part: not needed
    wanted = [["training.rates.image=0.1", "training.rates.text=0.1"], ["training.rates.image=0.3"]]
    wanted[1].append("training.rates.text=0.3")
    assert labels(with_neighbours(values, differences(values))) == wanted


def test_a_run_of_another_version_is_left_out_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_run(tmp_path / "a")
    write_run(tmp_path / "old", seed=1)
    (tmp_path / "old" / "config.yaml").write_text("seed: 1")
    write_json({"status": "failed", "error": "broken", "traceback": "t"}, tmp_path / "old" / "status.json")
    runs, failures = read_runs(tmp_path)
    assert [run.folder.name for run in runs] == ["a"]
    reason = "config.yaml was written by another version of this package"
    assert [(f.status, f.name, f.error) for f in failures] == [("left out", "old", reason)]
    assert f"old is left out of the report: {reason}" in caplog.text
