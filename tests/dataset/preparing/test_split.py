import numpy as np
import pytest
from datasets import DatasetDict

from multimodal.dataset.preparing.split import split_rows, stratified
from multimodal.dataset.reading.rows import Rows, read_rows
from tests.helpers.datasets import COLUMNS, samples


def rows(**splits) -> dict[str, Rows]:
    """Rows with these numbers: {split: numbers}; the class is a number's remainder."""
    return read_rows(DatasetDict({name: samples(numbers) for name, numbers in splits.items()}), COLUMNS)[0]


def held(parts: dict[str, Rows]) -> dict[str, list[int]]:
    """Which samples each split holds, by their captions."""
    return {name: [int(text.split()[0].removeprefix("word")) for text in part.caption] for name, part in parts.items()}


@pytest.mark.parametrize("seed", [0, 1])
def test_no_sample_is_lost_or_in_two_splits_and_each_has_its_share_of_every_class(seed):
    parts = held(split_rows(rows(train=range(48)), 0.25, 0.25, None, seed))
    assert sorted(i for part in parts.values() for i in part) == list(range(48))
    # 48 -> 12 test, then a quarter of the 36 that are left
    assert {name: np.bincount(np.array(part) % 3).tolist() for name, part in parts.items()} == {
        "train": [9, 9, 9],
        "validation": [3, 3, 3],
        "test": [4, 4, 4],
    }


def test_the_seed_alone_decides_the_splits():
    source = rows(train=range(48))
    first, again, other = (held(split_rows(source, 0.25, 0.25, None, seed)) for seed in (0, 0, 1))
    for name in ("train", "validation", "test"):
        assert first[name] == again[name] != other[name]


def test_the_sources_own_test_split_is_kept_whole():
    parts = held(split_rows(rows(train=range(24), test=range(100, 107)), 0.25, 0.25, None, 0))
    assert parts["test"] == list(range(100, 107))
    assert sorted(parts["train"] + parts["validation"]) == list(range(24))


def test_a_limit_keeps_that_many_and_a_quarter_for_the_test():
    source = rows(train=range(120), test=range(120, 150))
    parts = held(split_rows(source, 0.25, 0.25, 40, 0))
    assert {name: len(part) for name, part in parts.items()} == {"train": 30, "validation": 10, "test": 10}
    assert min(parts["test"]) >= 120
    assert parts == held(split_rows(source, 0.25, 0.25, 40, 0))
    assert len(split_rows(source, 0.25, 0.25, 10**6, 0)["test"]) == 30


def test_rows_know_where_in_the_source_they_were():
    parts = split_rows(rows(train=range(48)), 0.25, 0.25, 24, 0)
    for name, part in parts.items():
        assert part.split == "train"
        assert part.number.tolist() == held(parts)[name]


def test_a_class_too_small_to_split_is_a_clear_error():
    with pytest.raises(ValueError, match=r"cannot hold out 0\.25 of 4 samples by class"):
        stratified(rows(train=[0, 3, 6, 1])["train"], 0.25, 0)
