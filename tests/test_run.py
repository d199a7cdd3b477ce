"""The command itself: a run, its evaluation again, bad input."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet
import pytest
import torch

from multimodal.evaluation.evaluator import Evaluator
from multimodal.metric.catalogue import CATALOGUE
from multimodal.pages.samples import read_samples
from multimodal.training.trainer import Trainer
from tests.helpers.command import BRIEF, SCRIPT, TINY, UNMEASURED, command

FIGURES = {"curves", "tsne", "embeddings", "generation", "masking", "attention"}
FIGURES |= {"imbalance", "availability", "missing", "reliability", "confusion", "data_card"}
TIMED = ("evaluation_key", "seconds", "cost/ms_per_sample_batch1", "cost/ms_per_sample_batch64", "cost/peak_memory_mb")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """The folder of a finished tiny run, made by a process of its own, as a user's is."""
    folder = tmp_path_factory.mktemp("run")
    line = [sys.executable, SCRIPT, *TINY, "output_dir=out", "tracking=disabled", f"cache_dir={folder}/cache"]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder / "out"


def test_a_run_leaves_its_numbers_its_history_and_its_figures(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["data_source"] == "embedded"
    assert set(metrics["undefined"]) == {name for name, value in metrics.items() if value is None}
    for name in ("accuracy/image", "availability/mean", "image_to_text/bleu4", "text_to_image/ssim_skill"):
        assert name in metrics
    for spec in CATALOGUE:  # a misspelt name would be "not measured" for ever
        assert spec.name in metrics or not spec.shown
    with (run / "history.csv").open() as file:
        assert [float(row["step"]) for row in csv.DictReader(file)] == [3, 6]
    assert {file.stem for file in run.glob("*.png")} == FIGURES
    page = (run / "run.html").read_text()
    assert page.count("<figure>") == len(FIGURES)
    assert page.count("<tr data-class") == len(read_samples(run)) > 0
    assert len(page) < 3_000_000
    assert metrics["seconds"]["page"] > 0


def test_a_loss_with_classifiers_of_its_own_trains(tmp_path: Path) -> None:
    """Its sizes are known only once the data is read."""
    done = command(tmp_path, *BRIEF, "loss=ogm_ge", "output_dir=out", "tracking=disabled")
    assert done.status == 0, done.stderr
    with (tmp_path / "out" / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(float(row["train/unimodal"]) > 0 and 0 < float(row["train/modulation_image"]) <= 1 for row in rows)


def test_an_evaluation_is_shared_by_the_devices_of_the_training(tmp_path: Path, monkeypatch) -> None:
    two, given = [torch.device("cpu"), torch.device("meta")], []
    for module in ("multimodal.run", "multimodal.runs.checkpoint"):
        monkeypatch.setattr(f"{module}.devices_of", lambda fabric: two)
    monkeypatch.setattr(
        Evaluator, "evaluate", lambda *arguments: given.append(arguments[4]) or SimpleNamespace(seconds={})
    )
    monkeypatch.setattr("multimodal.run.finish", lambda *_: None)
    for line in ([*TINY, "output_dir=out"], ["mode=evaluate", "checkpoint=out", "output_dir=again"]):
        done = command(tmp_path, *line, "tracking=disabled")
        assert done.status == 0, done.stderr
    assert given == [two, two]


def test_the_checkpoint_loads_with_weights_only(run: Path) -> None:
    state = torch.load(run / "best.pt", weights_only=True)
    assert state["vocabulary"][:4] == ["<pad>", "<unk>", "<bos>", "<eos>"]
    assert state["record"]["data_source"] == "embedded"


def test_evaluating_again_gives_the_same_numbers(run: Path) -> None:
    done = command(run.parent, "mode=evaluate", "checkpoint=out", "tracking=disabled", "output_dir=again")
    assert done.status == 0, done.stderr
    first = json.loads((run / "metrics.json").read_text())
    again = json.loads((run.parent / "again" / "metrics.json").read_text())
    assert again | dict.fromkeys(TIMED) == first | dict.fromkeys(TIMED)


def test_an_evaluation_is_not_made_again_nor_overwritten(run: Path, monkeypatch) -> None:
    line = ["mode=evaluate", "checkpoint=out", "tracking=disabled", *UNMEASURED]
    assert command(run.parent, *line).status == 0
    (first,) = run.glob("evaluation-*/metrics.json")
    before = first.stat().st_mtime_ns
    assert "is evaluated already" in command(run.parent, *line).stderr
    assert first.stat().st_mtime_ns == before
    assert command(run.parent, *line, "evaluation.measures.availability.grid_steps=3").status == 0
    assert len(list(run.glob("evaluation-*/metrics.json"))) == 2  # each setting has its own
    done = command(run.parent, *line, "output_dir=.")
    assert done.status == 1
    assert "is not the folder of a run, and not empty" in done.stderr
    assert "holds another experiment" in command(run.parent, *line, "output_dir=out").stderr


def test_every_test_sample_has_its_predictions(run: Path) -> None:
    """From them the accuracies and the drawings' SSIM follow, sample by sample."""
    metrics = json.loads((run / "metrics.json").read_text())
    table = pyarrow.parquet.read_table(run / "predictions.parquet").to_pydict()
    assert table["index"] == list(range(len(table["index"])))
    for condition in ("both", "image", "text"):
        right = [p == label for p, label in zip(table[f"predicted/{condition}"], table["label"], strict=True)]
        assert right == table[f"correct/{condition}"]
        assert sum(right) / len(right) == pytest.approx(metrics[f"accuracy/{condition}"])
        assert all(sum(row) == pytest.approx(1, abs=1e-4) for row in table[f"probability/{condition}"])
    for name in ("text_to_image/ssim", "reconstruction/ssim"):
        assert sum(table[name]) / len(table[name]) == pytest.approx(metrics[name], abs=1e-6)
    assert all(isinstance(caption, str) for caption in table["written/image"])


def test_the_blind_baselines_stand_in_the_table_of_scores(run: Path) -> None:
    with (run / "scores.csv").open() as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    assert next(iter(rows)) == "model"
    assert {"frequent_caption", "class_caption", "mean_image", "class_image"} < set(rows)
    assert float(rows["frequent_caption"]["image_to_text/bleu4"]) >= 0
    assert rows["mean_image"]["image_to_text/bleu4"] == ""


def test_a_gap_can_be_filled_by_what_is_generated(run: Path) -> None:
    line = ["mode=evaluate", "checkpoint=out", "tracking=disabled", "output_dir=filled", "evaluation.fill=generated"]
    done = command(run.parent, *line)
    assert done.status == 0, done.stderr
    filled = json.loads((run.parent / "filled" / "metrics.json").read_text())
    assert filled["availability/fill"] == "generated"
    corner = filled["availability/surface"][-1]
    assert corner["no_image"] == 1
    assert corner["accuracy"] == filled["accuracy/text_filled"]


def test_measures_can_be_left_out(run: Path) -> None:
    line = ["mode=evaluate", "checkpoint=out", "tracking=disabled", "output_dir=few"]
    line += ["~evaluation.measures.retrieval", "evaluation.measures.images=null", "~evaluation.measures.cost"]
    done = command(run.parent, *line)
    assert done.status == 0, done.stderr
    first, few = (json.loads((folder / "metrics.json").read_text()) for folder in (run, run.parent / "few"))
    missing = first.keys() - few.keys()
    assert {name.split("/")[0] for name in missing} == {"retrieval", "text_to_image", "reconstruction", "judge", "cost"}
    kept = few.keys() - {"seconds", "undefined", "evaluation_key"}
    assert {name: few[name] for name in kept} == {name: first[name] for name in kept}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mode=evaluate", "checkpoint=nowhere"], "there is no nowhere"),
        (["mode=evaluate", "checkpoint=out", "fusion=concat"], "fusion"),
        (["dataset.source=path", "dataset.path=nowhere"], "there is no nowhere"),
        ([*TINY, "output_dir=out", "tracking=disabled", "fusion=concat"], "another experiment"),
    ],
)
def test_bad_input_is_one_clear_error(run: Path, arguments: list[str], message: str) -> None:
    done = command(run.parent, *arguments)
    assert done.status != 0
    assert message in done.stderr
    assert "training:" not in done.stderr  # no step was taken


def test_a_mistake_is_told_in_a_line_and_not_in_a_traceback(run: Path) -> None:
    done = command(run.parent, "mode=evaluate", "checkpoint=nowhere")
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: checkpoint: there is no nowhere")


def test_a_checkpoint_is_not_evaluated_on_other_data_unless_asked(run: Path) -> None:
    done = command(
        run.parent, "mode=evaluate", "checkpoint=out", "dataset.source=embedded", "output_dir=same", *UNMEASURED
    )
    assert done.status == 0, done.stderr  # the very data it learned from
    state = torch.load(run / "best.pt", weights_only=True)
    state["record"]["fingerprint"] = "another"
    torch.save(state, run.parent / "other.pt")
    done = command(run.parent, "mode=evaluate", "checkpoint=other.pt", "output_dir=other")
    assert done.status == 1
    assert "learned from embedded data another" in done.stderr
    line = ["mode=evaluate", "checkpoint=other.pt", "output_dir=other", "dataset.source=embedded", *UNMEASURED]
    done = command(run.parent, *line)
    assert done.status == 0, done.stderr
    assert "make sure that its test samples were not trained on" in done.stderr


def test_checkpoints_evaluated_in_a_sweep_keep_apart(run: Path) -> None:
    done = command(run.parent, "-m", "mode=evaluate", "checkpoint=out,out/last.pt", "output_dir=kept", *UNMEASURED)
    assert done.status == 0, done.stderr
    with (run.parent / "kept" / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["fusion"] for row in rows} == {"attention"}
    assert len({row["folder"] for row in rows}) == 2


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FloatingPointError("the training loss was nan; lower optimizer.lr"), "the training loss was nan; lower"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out of memory (DefaultCPUAllocator: can't"),
        (torch.OutOfMemoryError("CUDA out of memory"), "out of memory (CUDA out of memory); give a smaller training.b"),
        (MemoryError(), "out of memory (MemoryError); give a smaller training.batch_size"),
    ],
)
def test_a_run_that_diverges_or_has_no_memory_ends_in_a_line(tmp_path, monkeypatch, error, line) -> None:
    def fail(*arguments):
        raise error

    monkeypatch.setattr(Trainer, "fit", fail)
    done = command(tmp_path, *BRIEF, "tracking=disabled")
    assert done.status == 1
    assert f"error: {line}" in done.stderr
    assert "Traceback" not in done.stderr
