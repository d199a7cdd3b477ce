"""Tests of made-up runs, with the differences known."""

from dataclasses import replace

import numpy as np
import pytest

from multimodal.comparison.fusion_tests import compare_fusions
from multimodal.metric import catalogue
from multimodal.metric.catalogue import SECONDARY, MetricSpec, compared, primary
from tests.helpers.made_up_pairs import made_up_run, primary_test, two_fusions

METRICS = [spec.name for spec in compared()]
PRIMARY = primary().name


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_too_few_seeds_are_not_tested(seeds: int) -> None:
    """Whatever the difference, even without any spread."""
    for test in compare_fusions(two_fusions(0.3, seeds, spread=0), 0.01):
        assert not test.significant
        assert not test.equivalent
        assert test.p is None
        assert (test.interval is None) == (test.median is None) == (seeds < 3)


def test_zero_variance() -> None:
    constant = primary_test(two_fusions(0.02, spread=0))
    assert constant.interval == pytest.approx((0.02, 0.02))
    assert constant.significant
    assert not constant.equivalent
    assert constant.p == 0
    equal = primary_test(two_fusions(0.0, spread=0))
    assert (equal.mean, equal.interval, equal.p) == (0, (0, 0), 1)
    assert equal.equivalent
    assert not equal.significant


def test_pairs_are_by_seed_whatever_the_order_and_others_are_left_out() -> None:
    runs = two_fusions(0.005, seeds=6)
    runs += [made_up_run("attention", 7, 0.1), made_up_run("attention", 9, 0.1)]
    test = primary_test(runs[::-1])
    assert test.mean == pytest.approx(0.005)
    assert (test.n, test.unpaired) == (6, ((0, 7), (0, 9)))


def test_no_seed_in_common() -> None:
    (test, *_) = compare_fusions([made_up_run("attention", 0, 0.9), made_up_run("concat", 1, 0.8)], 0.01)
    assert (test.n, test.mean, test.unpaired) == (0, None, ((0, 0), (0, 1)))


@pytest.mark.parametrize("name", ["dataset", "source", "fingerprint", "setting"])
def test_only_equal_groups_are_compared(name: str) -> None:
    """Nothing is compared or averaged across them, and each has its title."""
    good, bad = two_fusions(0.02), two_fusions(-0.02, **{name: "other"})
    found = compare_fusions(good + bad, 0.01)
    assert [v.mean for v in found] == pytest.approx([0.02] * len(METRICS) + [-0.02] * len(METRICS))
    assert len({v.group for v in found}) == 2
    assert compare_fusions(good[:6] + bad[6:], 0.01) == []


def test_undefined_has_its_reason_and_costs_the_others_nothing() -> None:
    runs, name = two_fusions(0.001), "image_to_text/class_coherence"
    bare = replace(runs[3], metrics=runs[3].metrics | {name: None}, undefined={name: "captions name no class"})
    found = {v.metric.name: v for v in compare_fusions([*runs[:3], bare, *runs[4:]], 0.01)}
    assert found[name].mean is None
    assert (found[name].undefined_for, found[name].reason) == ("attention, seed 3", "captions name no class")
    others = len(METRICS) - 2  # without the primary one and the undefined one; all are equal
    assert found["accuracy/image"].p == pytest.approx(min(1, others * found[PRIMARY].p))


def test_families_and_their_order() -> None:
    """What is compared with the reference, concat, pays nothing for the other pairs."""
    runs = two_fusions(0.0022)
    runs += [replace(r, fusion="gated") for r in runs if r.fusion == "concat"]
    found = compare_fusions(runs, 0.01)
    assert [v.metric.name for v in found] == METRICS * 3
    assert [(v.first, v.second) for v in found[:: len(METRICS)]] == [
        ("attention", "gated"),
        ("attention", "concat"),
        ("gated", "concat"),
    ]
    alone = primary_test(two_fusions(0.0022)).p
    assert alone < 0.05
    shown = [v for v in found if v.second == "concat"]  # two equal ones, and gated - concat which is none
    others = len(METRICS) - 1
    reference = [2 * alone] + [min(1, 2 * others * alone)] * others
    assert [v.p for v in shown] == pytest.approx(reference + [1] * len(METRICS))
    assert [v.kind for v in found[:: len(METRICS)]] == ["pair", "reference", "reference"]
    assert found[0].p == pytest.approx(alone)  # attention - gated is alone in the other family


def test_equivalence_is_adjusted_as_well() -> None:
    """Else some of many pairs would be called equivalent by chance."""
    runs = two_fusions(0.004, spread=3.4)
    alone = primary_test(runs)
    assert alone.equivalent
    for name in ("gated", "sum"):
        runs += [replace(r, fusion=name) for r in runs if r.fusion == "attention"]
    among = next(v for v in compare_fusions(runs, 0.01) if (v.first, v.second) == ("attention", "concat"))
    assert among.p_equivalent > alone.p_equivalent
    assert not among.equivalent


def test_a_reference_with_arguments_is_one_still() -> None:
    runs = [replace(r, fusion="concat hidden=9") if r.fusion == "concat" else r for r in two_fusions(0.02)]
    assert (primary_test(runs).first, primary_test(runs).second) == ("attention", "concat hidden=9")


def test_a_metric_that_a_run_lacks_has_its_reason() -> None:
    runs = two_fusions(0.02)
    bare = replace(runs[0], metrics={name: runs[0].metrics[name] for name in METRICS[1:]})
    test = primary_test([bare, *runs[1:]])
    assert (test.undefined_for, test.reason) == ("attention, seed 0", "not measured")


def test_less_is_better_where_the_catalogue_says_so(monkeypatch) -> None:
    errors = MetricSpec("error", "error", higher_is_better=False, tested=SECONDARY)
    monkeypatch.setattr(catalogue, "CATALOGUE", (*catalogue.CATALOGUE, errors))
    found = {test.metric.name: test.better for test in compare_fusions(two_fusions(0.02), 0.01)}
    assert found == dict.fromkeys(METRICS, "attention") | {"error": "concat"}


@pytest.mark.parametrize("margin", [0, 1, 5])
def test_the_margin_is_a_share(margin: float) -> None:
    with pytest.raises(ValueError, match="margin must be a share"):
        compare_fusions([], margin)


def test_equal_fusions_raise_few_alarms() -> None:
    """200 datasets, each with its own six seeds of two equal fusions."""
    rng = np.random.default_rng(0)
    runs = []
    for i in range(200):
        for seed in range(6):
            level = rng.normal(0.9, 0.02)
            for fusion in ("attention", "concat"):
                metrics = {name: level + rng.normal(0, 0.005) for name in METRICS}
                runs.append(replace(made_up_run(fusion, seed, 0.0, dataset=f"{i:03d}"), metrics=metrics))
    found = compare_fusions(runs, 0.01)
    assert sum(v.significant for v in found if v.metric.name == PRIMARY) <= 18
    assert len({v.group for v in found if v.significant and v.metric.name != PRIMARY}) <= 18
