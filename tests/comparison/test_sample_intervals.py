"""Intervals over test samples, of made-up predictions."""

from pathlib import Path

import numpy as np
import pytest

from multimodal.comparison.fusion_tests import compare_fusions
from multimodal.comparison.pairwise_test import best_fusion
from multimodal.comparison.sample_intervals import sample_interval
from multimodal.comparison.stored_samples import StoredColumns, sample_values
from multimodal.comparison.wording import sentence
from multimodal.io import write_parquet
from multimodal.metric.catalogue import compared, primary
from tests.helpers.made_up_pairs import answering, made_up_run, primary_test, with_samples

METRICS = [spec.name for spec in compared()]


@pytest.mark.parametrize("size", [5, 40])
def test_the_mean_over_samples_is_the_metric(tmp_path: Path, size: int) -> None:
    run = with_samples("concat", 0, tmp_path / "a", size)
    values = sample_values(run)
    assert {name: x.mean() for name, x in values.items()} == pytest.approx(run.metrics)
    assert all(x.shape == (size,) for x in values.values())


def test_samples_are_paired_and_seeds_averaged(tmp_path: Path) -> None:
    a, b = ([with_samples(f, seed, tmp_path / f"{f}{seed}") for seed in (0, 1, 2)] for f in ("attention", "concat"))
    tests = compare_fusions([*a, *b], 0.01)
    assert {t.metric.name for t in tests if t.sample_interval} == set(METRICS)
    for test in tests:
        name = test.metric.name
        x = np.mean([sample_values(i)[name] - sample_values(j)[name] for i, j in zip(a, b, strict=True)], axis=0)
        error = x.std() / np.sqrt(len(x))
        low, high = test.sample_interval
        assert test.sample_dependent == (low <= 0 <= high)
        assert (low, high) == pytest.approx((x.mean() - 1.96 * error, x.mean() + 1.96 * error), abs=0.35 * error)


def test_equal_answers_leave_what_so_few_samples_cannot_show() -> None:
    """Of 240 samples, a share of 1.5 % that differ would be missed in one of 40 test splits."""
    found = sample_interval(np.zeros(240))
    assert found["sample_interval"] == pytest.approx((-0.0153, 0.0153), abs=1e-4)
    assert found["sample_dependent"]


@pytest.mark.parametrize(("wrong", "dependent"), [(1, True), (5, True), (6, False), (9, False), (12, False)])
def test_a_difference_of_a_few_samples_is_not_told_as_one_of_the_fusions(
    tmp_path: Path, wrong: int, dependent: bool
) -> None:
    """Every seed agrees, without any spread, and yet it is only those samples: six of six are the fewest of a sign."""
    runs = [answering("attention", seed, tmp_path / f"a{seed}", 0) for seed in range(6)]
    runs += [answering("concat", seed, tmp_path / f"c{seed}", wrong) for seed in range(6)]
    test = primary_test(runs)
    assert test.significant
    dependent |= test.p_population >= 0.05
    assert test.sample_dependent == dependent
    assert ("on other test samples it may not be" in sentence(test)) == dependent
    fusions = {name: [r for r in runs if r.fusion == name] for name in ("attention", "concat")}
    assert best_fusion(fusions, primary(), compare_fusions(runs, 0.01)) == (None if dependent else "attention")


def test_a_clear_difference_on_few_samples_is_one_of_the_fusions(tmp_path: Path) -> None:
    """85 points on 60 samples: it once was on these samples only, as everything below 200."""
    runs = [answering("attention", seed, tmp_path / f"a{seed}", 0, size=60) for seed in range(6)]
    runs += [answering("concat", seed, tmp_path / f"c{seed}", 51, size=60) for seed in range(6)]
    test = primary_test(runs)
    assert test.mean == pytest.approx(0.85)
    assert sentence(test).endswith("6 seeds: attention is better")
    assert test.sample_interval[0] > 0.6


def test_equal_models_are_equivalent_only_if_the_samples_are_enough(tmp_path: Path) -> None:
    for size, equivalent in ((300, False), (600, True)):
        runs = [
            answering(f, seed, tmp_path / f"{f}{size}{seed}", 40, size) for f in ("film", "concat") for seed in range(6)
        ]
        assert primary_test(runs).equivalent == equivalent


def test_a_metric_without_its_column_has_no_interval_and_costs_the_others_none(tmp_path: Path) -> None:
    """That of captions is not there, where they name no class; nothing is in a file of another version."""
    runs = [answering(name, 0, tmp_path / name, 5) for name in ("attention", "concat")]
    found = {t.metric.name for t in compare_fusions(runs, 0.01) if t.sample_interval}
    assert found == set(METRICS) - {"image_to_text/class_coherence"}
    write_parquet({"label": [0]}, runs[1].folder / "predictions.parquet")
    assert not any(t.sample_interval for t in compare_fusions(runs, 0.01))


def test_runs_without_predictions_have_no_interval_over_samples(tmp_path: Path) -> None:
    first, second = with_samples("attention", 0, tmp_path / "a"), made_up_run("concat", 0, 0.5)
    assert primary_test([first, second]).sample_interval is None


def test_runs_of_other_numbers_of_samples_have_no_interval_over_them(tmp_path: Path) -> None:
    runs = [with_samples("attention", 0, tmp_path / "a", 240), with_samples("concat", 0, tmp_path / "c", 250)]
    assert primary_test(runs).sample_interval is None


def test_a_column_of_probabilities_is_read_when_a_metric_asks_for_it(tmp_path: Path) -> None:
    file = tmp_path / "predictions.parquet"
    write_parquet({"label": [0, 1], "probability/both": [[0.25, 0.75], [0.5, 0.5]]}, file)
    columns = StoredColumns(file)
    assert columns["probability/both"].tolist() == [[0.25, 0.75], [0.5, 0.5]]
    assert columns["label"].tolist() == [0, 1]
    with pytest.raises(KeyError, match="predicted/both"):
        columns["predicted/both"]
