"""What the task of a group allows, beside what its models reach."""

from dataclasses import replace
from pathlib import Path

import pytest

from multimodal.comparison.comparison import compare
from multimodal.comparison.limits import limits_sentence
from multimodal.comparison.reading import read_runs
from multimodal.comparison.run import Run
from tests.helpers.made_up_pairs import made_up_run
from tests.helpers.made_up_runs import make_run

LIMITS = {"task/chance": 0.1, "task/image_ceiling": 0.6722, "task/text_ceiling": 0.7007, "task/ceiling": 0.9472}
MEASURED = {"task": {"chance": 0.1, "ceiling": "measured", "image_ceiling": "measured", "text_ceiling": 0.7007}}


def run(split: int = 0, **changed: float | None) -> Run:
    made = made_up_run("attention", 0, 0.5, split=split)
    return replace(made, metrics=made.metrics | LIMITS | changed, card=MEASURED)


def test_the_limits_of_a_task_and_which_of_them_were_measured_are_told() -> None:
    assert limits_sentence([run()]) == (
        "Limits of the task, in accuracy: chance 0.100, image alone 0.672 (measured), caption alone 0.701, "
        "both 0.947 (measured)."
    )
    known = limits_sentence([run(**{"task/product_ceiling": 0.5})])
    assert "caption alone 0.701, product of ideal answers from each alone 0.500, both" in known


def test_over_several_splits_a_limit_is_a_range() -> None:
    several = limits_sentence([run(), run(split=1, **{"task/text_ceiling": 0.71, "task/ceiling": 0.94721})])
    assert "caption alone 0.701 to 0.710, both 0.947 (measured)." in several


def test_a_run_without_limits_has_none_to_tell() -> None:
    assert limits_sentence([made_up_run("attention", 0, 0.5)]) == ""


def test_they_stand_beneath_the_verdict_and_beneath_the_accuracies_they_are_of(tmp_path: Path) -> None:
    for fusion in ("attention", "concat"):
        make_run(tmp_path, fusion, 0, metrics=LIMITS)
    comparison = compare(tmp_path, *read_runs(tmp_path), 0.01)
    assert comparison.limits["toy (embedded)"].startswith("Limits of the task, in accuracy: chance 0.100")
    (quality,) = (table for table in comparison.tables if table.caption == "Quality")
    frame = quality.as_frame().loc[("toy (embedded)", "limits of the task")]
    for heading, limit in (("with both", 0.9472), ("from the image alone", 0.6722), ("from the caption alone", 0.7007)):
        assert frame[f"accuracy {heading}\u00a0↑"] == pytest.approx(limit)
