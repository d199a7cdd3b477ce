"""What is said of made-up tests: a sentence for each outcome."""

from dataclasses import replace

import pytest

from multimodal.comparison.pairwise_test import compare_fusions
from multimodal.comparison.wording import sentence
from multimodal.metric import catalogue
from multimodal.metric.catalogue import SECONDARY, MetricSpec
from tests.helpers.made_up_pairs import made_up_run, primary_test, two_fusions


def test_a_sentence_for_each_outcome() -> None:
    start = " in accuracy over all missing rates, 6 seeds: "
    for difference, told, said in (
        (0.02, "+2.0 points [+1.8, +2.2]", "attention is better"),
        (-0.02, "−2.0 points [−2.2, −1.8]", "concat is better"),
        (0.005, "+0.5 points [+0.3, +0.7]", "attention is better, by less than 1 point"),
        (0.001, "+0.1 points [−0.1, +0.3]", "no difference shown; equivalent within 1 point"),
    ):
        test = primary_test(two_fusions(difference))
        assert sentence(test, 0.01) == f"attention − concat = {told}{start}{said}"
        assert test.difference == pytest.approx(difference)
        assert test.group == "mnist (embedded)"
    test = primary_test(two_fusions(0.001, spread=10), margin=0.005)
    assert sentence(test, 0.005).endswith("6 seeds: no difference shown")
    assert not test.significant
    assert not test.equivalent


def test_another_unit_is_no_percentage(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = MetricSpec("similarity", "similarity", tested=SECONDARY)
    monkeypatch.setattr(catalogue, "CATALOGUE", (*catalogue.CATALOGUE, spec))
    (test,) = (t for t in compare_fusions(two_fusions(0.001), 0.01) if t.metric.name == "similarity")
    start = "attention − concat = +0.001 [−0.001, +0.003] in similarity, 6 seeds: "
    assert sentence(test, 0.01) == f"{start}no difference shown; equivalent within 0.01"


def test_a_significant_difference_does_not_round_to_zero() -> None:
    assert "= +0.004 points [+0.004, +0.004]" in sentence(primary_test(two_fusions(0.00004, spread=0)), 0.01)


def test_zero_has_no_minus() -> None:
    for difference in (0.0, -1e-12):
        assert "= +0.0 points [+0.0, +0.0]" in sentence(primary_test(two_fusions(difference, spread=0)), 0.01)


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_too_few_to_say(seeds: int) -> None:
    for test in compare_fusions(two_fusions(0.3, seeds, spread=0), 0.01):
        assert sentence(test, 0.01).endswith(f", {seeds} seed{'s' * (seeds > 1)}: too few to say")


def test_seeds_that_are_left_out_are_named() -> None:
    runs = [*two_fusions(0.005), made_up_run("attention", 7, 0.1), made_up_run("attention", 9, 0.1)]
    assert sentence(primary_test(runs), 0.01).endswith(
        ", 6 seeds: attention is better, by less than 1 point (seeds 7, 9 of one side only left out)"
    )
    assert sentence(primary_test(runs[:-1]), 0.01).endswith("(seed 7 of one side only left out)")


def test_what_cannot_be_compared_has_its_reason() -> None:
    (test, *_) = compare_fusions([made_up_run("attention", 0, 0.9), made_up_run("concat", 1, 0.8)], 0.01)
    assert sentence(test, 0.01).startswith("attention and concat have no seed in common")
    runs, name = two_fusions(0.001), "image_to_text/class_coherence"
    bare = replace(runs[3], metrics=runs[3].metrics | {name: None}, undefined={name: "captions name no class"})
    (test,) = (t for t in compare_fusions([*runs[:3], bare, *runs[4:]], 0.01) if t.metric.name == name)
    assert sentence(test, 0.01).endswith(": undefined for attention, seed 3: captions name no class")


def test_what_holm_takes_back_is_said() -> None:
    found = compare_fusions(two_fusions(0.0022), 0.01)
    assert found[0].significant
    assert found[1].interval[0] > 0
    assert not found[1].significant
    assert "no difference shown after Holm's correction; equivalent within 1 point" in sentence(found[1], 0.01)
