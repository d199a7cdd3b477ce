"""Runs over several values of `dataset.seed`: one group, paired by both seeds."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from multimodal.comparison.pairwise_test import PairwiseTest
from multimodal.comparison.reading import read_runs
from multimodal.comparison.wording import sentence
from multimodal.io import write_parquet
from tests.comparison.test_reading import write_run
from tests.helpers.made_up_pairs import made_up_run, primary_test, saved


def config_of(split: int, words: int = 30, **dataset: object) -> dict:
    """A record's config; the vocabulary is that of the split."""
    own = {"source": "embedded", "path": None, "seed": split} | dataset
    text = {"vocab_size": words + split}
    return {"dataset": own, "encoder": {"text": text}, "sizes": text, "training": {"steps": 100}}


def write_splits(folder: Path, fusions: tuple[str, ...], splits: tuple[int, ...], **other: object) -> None:
    for fusion in fusions:
        for split in splits:
            name = f"{fusion}-{split}-{len(list(folder.glob('*')))}"
            write_run(folder / name, fusion, config=config_of(split), fingerprint=f"print {split}", **other)


def test_runs_that_differ_in_their_split_are_one_group(tmp_path: Path) -> None:
    write_splits(tmp_path, ("attention", "concat"), (0, 1, 2))
    runs = read_runs(tmp_path)[0]
    assert len({run.group for run in runs}) == 1
    assert {run.setting for run in runs} == {""}
    assert [run.seeds for run in runs[:3]] == [(0, 0), (1, 0), (2, 0)]


def test_other_data_settings_are_not_joined(tmp_path: Path) -> None:
    write_splits(tmp_path, ("concat",), (0, 1))
    write_run(tmp_path / "few", config=config_of(0, limit=50), fingerprint="few")
    assert [len({run.group for run in read_runs(tmp_path)[0]})] == [2]


def test_edited_data_are_not_joined(tmp_path: Path) -> None:
    """Of one split two fingerprints: nobody knows which belongs to the others."""
    write_splits(tmp_path, ("concat",), (0, 1))
    write_run(tmp_path / "edited", "attention", config=config_of(0), fingerprint="edited")
    assert len({run.group for run in read_runs(tmp_path)[0]}) == 3


def paired(splits: int, seeds: int, effect: float = 0.02, folder: Path | None = None) -> PairwiseTest:
    """Two fusions over splits, whose effect each split shifts by as much as it likes."""
    rng = np.random.default_rng(0)
    runs = []
    for split in range(splits):
        shift = rng.normal(0, 0.01)
        for seed in range(seeds):
            for fusion, more in (("attention", effect + shift + rng.normal(0, 0.001)), ("concat", 0.0)):
                run = made_up_run(fusion, seed, 0.8 + more, split=split)
                if folder is not None:
                    right = np.arange(300) < round(300 * (0.8 + more))
                    columns = {"label": np.zeros(300, int), "predicted/both": (~right).astype(int)}
                    run = saved(run, folder / f"{fusion}{split}{seed}", columns, {"accuracy/both": right.mean()})
                runs.append(run)
    return primary_test(runs)


def test_many_splits_are_what_the_test_is_of() -> None:
    """Seeds of one split share its luck: eighteen pairs on six splits are six differences."""
    test = paired(splits=6, seeds=3)
    assert (test.n, len(test.differences)) == (6, 18)
    one = paired(splits=6, seeds=1)
    assert np.ptp(test.interval) == pytest.approx(np.ptp(one.interval), rel=0.5)
    assert ", 18 runs on 6 splits" in sentence(test)


def test_few_splits_are_what_the_test_is_of_too() -> None:
    """Student's t of three means, with two degrees of freedom, however many runs there are."""
    test = paired(splits=3, seeds=6)
    means = np.reshape(test.differences, (3, 6)).mean(1)
    assert test.n == 3
    assert test.p == pytest.approx(ttest_1samp(means, 0).pvalue)
    assert test.interval == pytest.approx(ttest_1samp(means, 0).confidence_interval(0.95))
    assert "18 runs on 3 splits" in sentence(test)


def test_two_splits_are_too_few_however_many_runs_they_have() -> None:
    test = paired(splits=2, seeds=6)
    assert (test.n, test.tested, test.interval) == (2, False, None)
    assert sentence(test).endswith("12 runs on 2 splits: too few splits to say")


def test_few_runs_on_splits_are_not_tested() -> None:
    test = paired(splits=4, seeds=1)
    assert (test.n, test.tested) == (4, False)
    assert sentence(test).endswith("4 runs on 4 splits: too few to say")


@pytest.mark.parametrize("splits", [3, 6])
def test_over_splits_the_samples_are_in_the_interval_of_the_splits(tmp_path: Path, splits: int) -> None:
    test = paired(splits, seeds=2, effect=0.1, folder=tmp_path)
    assert (test.n, test.sample_interval) == (splits, None)
    assert test.error is not None


def test_pairs_need_both_seeds() -> None:
    runs = [made_up_run(fusion, 0, 0.8, split=split) for fusion, split in (("attention", 0), ("concat", 1))]
    test = primary_test(runs)
    assert (test.n, test.unpaired) == (0, ((0, 0), (1, 0)))
    runs += [made_up_run("attention", 0, 0.8, split=1)]
    assert sentence(primary_test(runs)).endswith("(seed 0 of one side only left out)")


def test_a_split_that_is_no_number_leaves_the_run_out(tmp_path: Path) -> None:
    write_run(tmp_path / "a", config=config_of(0, seed="x"))
    (failure,) = read_runs(tmp_path)[1]
    assert failure.error == "config.yaml: dataset.seed must be a whole number, got 'x'"
    write_parquet({"label": [0]}, tmp_path / "a" / "predictions.parquet")
