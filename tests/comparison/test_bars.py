"""The three bars of a fusion: the reference, the better control, and the product of its own answers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from multimodal.comparison.families import family_of
from multimodal.comparison.fusion_pairs import OWN_ANSWERS
from multimodal.comparison.fusion_tests import chosen_p, compare_fusions
from multimodal.comparison.pairwise_test import PairwiseTest, fusing
from multimodal.comparison.run import Run
from multimodal.comparison.verdict import bars_sentence, describe_group
from multimodal.metric.catalogue import compared, primary
from tests.helpers.made_up_pairs import SPREAD, made_up_run, primary_test, saved, two_fusions

LEVELS = {"attention": 0.9, "concat": 0.7, "image_only": 0.4, "text_only": 0.5}


def five(product: dict[str, float], **levels: float) -> list[Run]:
    """Six seeds of each fusion and control, those of both modalities with this product of their own answers."""
    runs = []
    for i, (fusion, level) in enumerate((LEVELS | levels).items()):
        for seed in range(6):
            run = made_up_run(fusion, seed, level + SPREAD[(seed + i) % 6])
            own = {"fusion/product": product[fusion]} if fusion in product else {}
            runs.append(replace(run, metrics=run.metrics | own))
    return runs


def of_primary(runs: list[Run]) -> list[PairwiseTest]:
    return [test for test in compare_fusions(runs, 0.01) if test.metric == primary()]


def test_each_fusion_has_its_bars_and_other_pairs_are_apart() -> None:
    tests = of_primary(five({"attention": 0.8, "concat": 0.7}))
    kinds = {(test.first, test.second): test.kind for test in tests}
    assert kinds == {
        ("attention", "concat"): "reference",
        ("attention", "text_only"): "control",  # the better one
        ("attention", "image_only"): "pair",
        ("concat", "text_only"): "control",
        ("concat", "image_only"): "pair",
        ("image_only", "text_only"): "pair",
        ("attention", OWN_ANSWERS): "product",
        ("concat", OWN_ANSWERS): "product",
    }
    product = {test.first: test for test in tests if test.kind == "product"}
    assert product["attention"].mean == pytest.approx(0.1)
    assert product["attention"].differences == pytest.approx(tuple(0.1 + SPREAD[:6]))
    assert product["attention"].seeds == tuple((0, seed) for seed in range(6))


def lines_of(tests: list[PairwiseTest]) -> list[str]:
    return [bars_sentence(name, [*bars]) for name, bars in fusing(tests).items()]


def test_only_what_beats_the_control_and_its_own_answers_fuses() -> None:
    """concat is far better than the controls, and no better than what its own two answers give without it."""
    tests = of_primary(five({"attention": 0.8, "concat": 0.7}))
    assert {name: [test.beats for test in bars] for name, bars in fusing(tests).items()} == {
        "attention": [True, True],
        "concat": [True, False],
    }
    attention, concat = lines_of(tests)
    assert attention == (
        "attention fuses (accuracy with both, 6 seeds): "
        "+40.0 points [+39.8, +40.2] against text_only, the better control (attention is better); "
        "+10.0 points [+9.8, +10.2] against the product of its own answers (attention is better)."
    )
    assert concat.startswith("concat is not shown to fuse (accuracy with both, 6 seeds): +20.0 points")
    assert "against the product of its own answers (no difference shown" in concat


@pytest.mark.parametrize(
    ("product", "ceilings", "fuses"),
    [
        (0.9, (0.95, 0.95), True),  # equal
        (0.9, (0.95, 0.946), True),  # the ceilings are measured
        (0.9, (0.95, 0.94), False),  # a model could do better than its product, and does not
        (0.9, (0.95, None), False),  # a run of an older version
        (0.905, (0.95, 0.95), True),  # worse, by less than the margin
        (0.95, (0.95, 0.95), False),  # its own answers know more than it does
        (0.8, (0.95, 0.95), True),
    ],
)
def test_where_the_product_of_ideal_answers_is_the_ceiling_to_equal_it_is_to_fuse(
    product: float, ceilings: tuple[float, float | None], fuses: bool
) -> None:
    """Given the class the modalities are independent: no model can be better than the product of what they say."""
    limits = dict(zip(("task/ceiling", "task/product_ceiling"), ceilings, strict=True))
    runs = [replace(run, metrics=run.metrics | limits) for run in five({"attention": product})]
    (line,) = lines_of(of_primary(runs))
    assert line.startswith("attention fuses" if fuses else "attention is not shown to fuse")
    reaches = ceilings[1] is not None and ceilings[1] > 0.944
    assert ("here the product of ideal answers is the ceiling, so to equal it is to fuse" in line) == (
        reaches and product > 0.8
    )


def test_too_few_seeds_do_not_fuse_by_being_no_worse() -> None:
    limits = {"task/ceiling": 0.95, "task/product_ceiling": 0.95}
    runs = [replace(r, metrics=r.metrics | limits) for r in five({"attention": 0.9}) if r.seed < 2]
    (line,) = lines_of(of_primary(runs))
    assert line == (
        "attention, accuracy with both, 2 seeds: too few to say whether it fuses: "
        "+39.9 points against text_only, the better control; +0.0 points against the product of its own answers."
    )


def test_a_line_for_each_fusion_has_its_three_bars() -> None:
    runs = five({"attention": 0.8, "concat": 0.7})
    lines = describe_group(runs, of_primary(runs))
    assert [line.partition(" (")[0] for line in lines] == [
        "attention is ahead of all the others in accuracy with both.",
        "attention fuses",
        "concat is not shown to fuse",
        "3 more comparisons in the table of all comparisons.",
    ]
    assert lines[1].startswith(
        "attention fuses (accuracy with both, 6 seeds): +20.0 points [+19.7, +20.3] against concat, the reference ("
    )


def test_seeds_that_differ_between_the_bars_stand_with_each() -> None:
    runs = [run for run in five({"attention": 0.8}) if run.fusion != "text_only" or run.seed == 0]
    (line, *_) = describe_group(runs, of_primary(runs))[1:]
    assert line.startswith("attention is not shown to fuse (accuracy with both): +20.0 points")
    assert "against concat, the reference (6 seeds; attention is better)" in line
    left = "seeds 1, 2, 3, 4, 5 of one side only left out"
    assert f"against text_only, the better control (1 seed; too few to say; {left})" in line


def test_the_secondary_measures_have_no_product_and_a_family_of_their_own() -> None:
    tests = compare_fusions(five({"attention": 0.8}), 0.01)
    assert len(tests) == 6 * len(compared()) + 1


def test_variants_of_one_fusion_are_of_the_family_that_was_asked_for() -> None:
    levels = {"film hidden=1": 0.5, "film hidden=2": 0.6, "gated": 0.8}
    runs = [made_up_run(fusion, seed, level) for fusion, level in levels.items() for seed in range(6)]
    tests = {(test.first, test.second): test for test in of_primary(runs)}
    variants, (pair, _) = tests.pop(("film hidden=1", "film hidden=2")), tests.values()
    assert (variants.kind, pair.kind) == ("variant", "pair")
    reference = primary_test(two_fusions(0.02))
    assert family_of(variants) == family_of(reference) != family_of(pair)


def test_worse_than_the_better_control_is_worse_than_any_of_two() -> None:
    """So its p value is doubled; better than it is better than both."""
    better, worse = (primary_test(two_fusions(difference)) for difference in (0.02, -0.02))
    assert [chosen_p(test, 0.02, choices=2) for test in (better, worse)] == [0.02, 0.04]
    assert chosen_p(worse, 0.02, choices=1) == 0.02


def test_a_control_is_compared_with_no_product_and_one_fusion_alone_may_fuse() -> None:
    runs = [run for run in five({"attention": 0.8}) if run.fusion == "attention"]
    (test,) = of_primary(runs)
    assert test.kind == "product"
    first, line = describe_group(runs, [test])
    assert first == "attention alone: nothing to compare with."
    assert line == (
        "attention (accuracy with both, 6 seeds): +10.0 points [+9.8, +10.2] against the product of its own answers "
        "(attention is better)."
    )


def test_a_difference_between_own_answers_is_of_the_same_samples(tmp_path: Path) -> None:
    """attention is right on 30 of 300 samples more than the product of its answers."""
    runs = []
    for seed in range(6):
        right, product = np.arange(300) >= 30, np.arange(300) >= 60
        columns = {"label": np.zeros(300, int), "predicted/both": (~right).astype(int), "product_correct": product}
        run = made_up_run("attention", seed, 0.9)
        runs.append(saved(run, tmp_path / str(seed), columns, {"accuracy/both": 0.9, "fusion/product": 0.8}))
    test = compare_fusions(runs, 0.01)[-1]
    low, high = test.sample_interval
    assert (test.kind, test.mean) == ("product", pytest.approx(0.1))
    assert 0.05 < low < 0.1 < high < 0.15
    assert test.beats


def test_an_unknown_product_has_its_reason() -> None:
    runs = five({"attention": 0.8})
    bare = replace(runs[2], metrics=runs[2].metrics | {"fusion/product": None}, undefined={"fusion/product": "why"})
    (test,) = (t for t in of_primary([*runs[:2], bare, *runs[3:]]) if t.kind == "product")
    assert (test.undefined_for, test.reason) == ("attention, seed 2", "why")
    assert fusing([test]) == {}
