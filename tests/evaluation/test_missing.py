"""Modalities that miss independently: each rate's accuracy follows from the answers of the three conditions."""

from types import SimpleNamespace

import pytest
import torch

from multimodal.evaluation.availability import Availability
from multimodal.evaluation.fill import why_not_filled
from multimodal.evaluation.missing import Missing

LABEL = torch.tensor([0, 1, 1, 2, 2, 2, 0, 1])
TRAIN_LABEL = torch.tensor([1, 1, 2, 0, 1])  # 1 is the most frequent: right for three of eight test samples


def context(filled_correct, undefined: dict[str, str] | None = None) -> SimpleNamespace:
    correct = {name: torch.arange(8) < count for name, count in (("both", 8), ("image", 6), ("text", 4))}
    splits = {"train": SimpleNamespace(label=TRAIN_LABEL), "test": SimpleNamespace(label=LABEL)}
    return SimpleNamespace(
        data=SimpleNamespace(splits=splits, undefined=undefined or {}),
        test=splits["test"],
        correct=correct,
        filled_correct=filled_correct,
        why_not_filled=why_not_filled(undefined or {}),
    )


def test_accuracies_as_they_are_and_filled_stand_side_by_side() -> None:
    filled = {"image": torch.arange(8) < 7, "text": torch.arange(8) < 3}
    found = Missing([0.5, 0.3])(context(filled))
    assert found.scores["missing/0.5"] == pytest.approx((1 + 6 / 8 + 4 / 8 + 3 / 8) / 4)
    assert found.scores["missing/0.5_filled"] == pytest.approx((1 + 7 / 8 + 3 / 8 + 3 / 8) / 4)
    assert found.scores["missing/0.3"] == pytest.approx(0.49 + 0.21 * (6 / 8 + 4 / 8) + 0.09 * 3 / 8)
    assert found.scores["accuracy/image_filled"] == 7 / 8
    assert found.scores["accuracy/text_filled"] == 3 / 8
    for name, each in found.samples.items():
        assert float(each.mean()) == pytest.approx(found.scores[name], abs=1e-12)


def test_nothing_missing_is_both_and_everything_missing_is_the_prior() -> None:
    scores = Missing([0.0, 1.0])(context({"image": LABEL > 5, "text": LABEL > 5})).scores
    assert scores["missing/0"] == scores["missing/0_filled"] == 1
    assert scores["missing/1"] == scores["missing/1_filled"] == 3 / 8


@pytest.mark.parametrize("direction", ["image_to_text", "text_to_image"])
def test_what_is_filled_by_generation_that_the_task_makes_meaningless_is_undefined_too(direction) -> None:
    moot = context(None, {direction: "task=referring: points", "retrieval": "another reason"})
    found = Missing([0.5])(moot)
    names = ("missing/0.5_filled", "accuracy/image_filled", "accuracy/text_filled")
    assert {name: found.scores[name] for name in names} == dict.fromkeys(names, "task=referring: points")
    assert found.scores["missing/0.5"] == pytest.approx((1 + 6 / 8 + 4 / 8 + 3 / 8) / 4)
    assert list(found.samples) == ["missing/0.5"]
    moot.fill, moot.seed = "generated", 0
    assert Availability(4)(moot).scores == dict.fromkeys(
        ("availability/mean", "availability/worst"), "task=referring: points"
    )


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ([], r"missing\.rates must be one or more rates .*, got \[\]"),
        ([0.3, 0.3], r"missing\.rates must be one or more rates that differ .*, got \[0\.3, 0\.3\]"),
        ([0.1234567, 0.1234568], r"differ in their first six digits, got \[0\.1234567, 0\.1234568\]"),
        ([0.3, 1.5], r"evaluation\.measures\.missing\.rates\.1 must be a number, 0 or more and 1 at most, got 1\.5"),
        ([-0.1], r"evaluation\.measures\.missing\.rates\.0 must be a number"),
    ],
)
def test_rates_that_are_none_are_named(rates, message) -> None:
    with pytest.raises(ValueError, match=message):
        Missing(rates)
