"""Intervals over test samples, of made-up predictions."""

from pathlib import Path

import numpy as np
import pytest

from multimodal.comparison.pairwise_test import best_fusion, compare_fusions
from multimodal.comparison.sample_intervals import sample_intervals
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
    found = sample_intervals(list(zip(a, b, strict=True)))
    assert set(found) == set(METRICS)
    tests = compare_fusions([*a, *b], 0.01)
    assert {t.metric.name: t.sample_interval for t in tests} == {n: row["sample_interval"] for n, row in found.items()}
    for name, row in found.items():
        x = np.mean([sample_values(i)[name] - sample_values(j)[name] for i, j in zip(a, b, strict=True)], axis=0)
        error = x.std() / np.sqrt(len(x))
        low, high = row["sample_interval"]
        assert row["sample_dependent"] == (low <= 0 <= high)
        assert (low, high) == pytest.approx((x.mean() - 1.96 * error, x.mean() + 1.96 * error), abs=0.35 * error)
    equal = sample_intervals(list(zip(a, a, strict=True)))
    assert equal[primary().name] == {"sample_dependent": True}  # no sample tells them apart


@pytest.mark.parametrize(("wrong", "dependent"), [(1, True), (9, True), (12, False)])
def test_a_difference_of_a_few_samples_is_not_told_as_one_of_the_fusions(
    tmp_path: Path, wrong: int, dependent: bool
) -> None:
    """Every seed agrees, without any spread, and yet it is only those samples."""
    runs = [answering("attention", seed, tmp_path / f"a{seed}", 0) for seed in range(6)]
    runs += [answering("concat", seed, tmp_path / f"c{seed}", wrong) for seed in range(6)]
    test = primary_test(runs)
    assert test.significant
    assert test.sample_dependent == dependent == (test.sample_interval is None)
    assert ("on other test samples it may not be" in sentence(test, 0.01)) == dependent
    fusions = {name: [r for r in runs if r.fusion == name] for name in ("attention", "concat")}
    assert best_fusion(fusions, primary(), compare_fusions(runs, 0.01)) == (None if dependent else "attention")


def test_few_samples_have_no_interval(tmp_path: Path) -> None:
    a, b = (answering(name, 0, tmp_path / name, wrong, size=150) for name, wrong in (("attention", 0), ("concat", 50)))
    assert sample_intervals([(a, b)])[primary().name] == {"sample_dependent": True}


def test_a_metric_without_its_column_has_no_interval_and_costs_the_others_none(tmp_path: Path) -> None:
    """That of captions is not there, where they name no class; nothing is in a file of another version."""
    a, b = (answering(name, 0, tmp_path / name, 5) for name in ("attention", "concat"))
    assert set(sample_intervals([(a, b)])) == set(METRICS) - {"image_to_text/class_coherence"}
    write_parquet({"label": [0]}, b.folder / "predictions.parquet")
    assert sample_intervals([(a, b)]) == {}


def test_runs_without_predictions_have_no_interval_over_samples(tmp_path: Path) -> None:
    first, second = with_samples("attention", 0, tmp_path / "a"), made_up_run("concat", 0, 0.5)
    assert sample_intervals([(first, second)]) == {}
    assert primary_test([first, second]).sample_interval is None


def test_a_column_of_probabilities_is_read_when_a_metric_asks_for_it(tmp_path: Path) -> None:
    file = tmp_path / "predictions.parquet"
    write_parquet({"label": [0, 1], "probability/both": [[0.25, 0.75], [0.5, 0.5]]}, file)
    columns = StoredColumns(file)
    assert columns["probability/both"].tolist() == [[0.25, 0.75], [0.5, 0.5]]
    assert columns["label"].tolist() == [0, 1]
    with pytest.raises(KeyError, match="predicted/both"):
        columns["predicted/both"]
