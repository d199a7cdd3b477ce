"""Commands with a task: what stands in their results."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.command import BRIEF, TINY, command
from tests.helpers.toy import options

TASKS = options("task")


def results(folder: Path, *overrides: str) -> dict:
    """`metrics.json` of a tiny run."""
    done = command(folder, *overrides, "output_dir=out", "tracking=disabled")
    assert done.status == 0, done.stderr
    assert "fusion/gain" in done.stderr
    return json.loads((folder / "out" / "metrics.json").read_text())


@pytest.mark.parametrize("task", ["referring", pytest.param("noisy", marks=pytest.mark.slow)])
def test_a_run_knows_its_limits_and_what_its_own_answers_make_together(tmp_path, task):
    metrics = results(tmp_path, *BRIEF, f"task={task}")
    columns = pd.read_parquet(tmp_path / "out" / "predictions.parquet")
    assert metrics["fusion/product"] == pytest.approx(columns["product_correct"].mean())
    assert (columns["product_correct"] == (columns["predicted/product"] == columns["label"])).all()
    limits = {name: metrics[f"task/{name}"] for name in ("chance", "ceiling", "image_ceiling", "text_ceiling")}
    assert all(0 < value <= 1 for value in limits.values())
    if task == "referring":
        control = max(limits["chance"], limits["image_ceiling"], limits["text_ceiling"])
        assert metrics["fusion/gain"] == pytest.approx((metrics["accuracy/both"] - control) / (1 - control))
    card = json.loads((tmp_path / "out" / "data_card.json").read_text())["task"]
    assert card["text_ceiling"] == limits["text_ceiling"]
    assert isinstance(card["ceiling"], str) == (task == "noisy")


@pytest.mark.slow
def test_a_control_has_no_product_but_its_limits(tmp_path):
    metrics = results(tmp_path, *BRIEF, "task=conflict", "fusion=image_only")
    assert metrics["fusion/product"] is None
    assert metrics["undefined"]["fusion/product"] == "this fusion does not read the text"
    assert metrics["task/ceiling"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["mnist", "animals"])
@pytest.mark.parametrize("task", TASKS)
def test_what_a_task_makes_meaningless_is_no_number(tmp_path, task, dataset):
    metrics = results(tmp_path, *TINY, f"task={task}", f"dataset={dataset}")
    generation = [n for n in metrics if n.startswith(("image_to_text", "text_to_image"))]
    assert len(generation) > 10
    if task == "redundant":
        assert metrics["text_to_image/ssim"] is not None
        assert "nothing is left for a fusion" in metrics["undefined"]["fusion/gain"]
        return
    assert all(metrics[name] is None for name in generation)
    assert all(metrics["undefined"][name].startswith(f"task={task}: ") for name in generation)
    for row in metrics["baselines"].values():
        assert all(value is None for name, value in row.items() if name in generation)
    assert metrics["reconstruction/ssim"] is not None
    assert (metrics["reconstruction/class_coherence"] is None) == (task == "referring")
