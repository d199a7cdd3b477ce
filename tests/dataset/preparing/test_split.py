import numpy as np
import pytest
from datasets import DatasetDict
from sklearn.model_selection import train_test_split

from multimodal.dataset.preparing.split import hold_out, limit_rows, split_rows, stratified_order
from multimodal.dataset.reading.rows import Rows, read_rows
from tests.helpers.datasets import COLUMNS, samples, square, table

SPLITS = ("train", "validation", "test")


def chosen(label: dict[str, list[int]], group: list[int], seed: int = 0, share: float = 0.25) -> dict:
    """{split: (split of the source, its rows)}."""
    numbers = {split: np.array(classes) for split, classes in label.items()}
    parts = split_rows(numbers, np.array(group), share, share, seed)
    return {split: (source, rows.tolist()) for split, (source, rows) in parts.items()}


def rows(**splits) -> dict[str, Rows]:
    """Rows with these numbers: {split: numbers}; the class is a number's remainder."""
    return read_rows(DatasetDict({name: samples(numbers) for name, numbers in splits.items()}), COLUMNS)[0]


@pytest.mark.parametrize("seed", [0, 1])
def test_no_sample_is_lost_or_in_two_splits_and_each_has_its_share_of_every_class(seed):
    parts = chosen({"train": [i % 3 for i in range(48)]}, range(48), seed)
    assert sorted(i for _, part in parts.values() for i in part) == list(range(48))
    # 48 -> 12 test, then a quarter of the 36 that are left
    assert {name: np.bincount(np.array(part) % 3).tolist() for name, (_, part) in parts.items()} == {
        "train": [9, 9, 9],
        "validation": [3, 3, 3],
        "test": [4, 4, 4],
    }


@pytest.mark.parametrize(("count", "share", "seed"), [(48, 0.25, 0), (1437, 0.1, 3), (101, 0.3, 1)])
def test_different_images_are_split_as_by_scikit_learn(count, share, seed):
    label = np.arange(count) % 7
    rest, part = hold_out(label, np.arange(count), share, seed, "test")
    expected = train_test_split(np.arange(count), test_size=share, stratify=label, random_state=seed)
    assert [rest.tolist(), part.tolist()] == [sorted(side.tolist()) for side in expected]


def test_the_seed_alone_decides_the_splits():
    label = {"train": [i % 3 for i in range(48)]}
    first, again, other = (chosen(label, range(48), seed) for seed in (0, 0, 1))
    for name in SPLITS:
        assert first[name] == again[name] != other[name]


def test_the_sources_own_splits_are_kept_whole():
    label = {"train": [i % 3 for i in range(24)], "test": [0] * 7}
    parts = chosen(label, range(24))
    assert parts["test"] == ("test", list(range(7)))
    assert sorted(parts["train"][1] + parts["validation"][1]) == list(range(24))
    parts = chosen(label | {"validation": [1, 2]}, range(24))
    assert parts["validation"] == ("validation", [0, 1])
    assert parts["train"] == ("train", list(range(24)))


@pytest.mark.parametrize("sizes", [[5] * 24, [1 + i % 4 for i in range(24)]], ids=["equal", "unequal"])
@pytest.mark.parametrize("seed", range(3))
def test_samples_of_one_image_stay_together_and_the_classes_keep_their_shares(sizes, seed):
    group = np.repeat(np.arange(24), sizes)
    order = np.random.default_rng(seed).permutation(len(group))
    group = group[order]
    parts = chosen({"train": group % 3}, group, seed)
    images = {name: set(group[part]) for name, (_, part) in parts.items()}
    assert sum(map(len, images.values())) == 24 == len(set().union(*images.values()))
    counts = {name: np.bincount(np.array(sorted(part)) % 3, minlength=3).tolist() for name, part in images.items()}
    assert counts["test"] == [2, 2, 2]
    assert sorted(counts["validation"]) == [1, 2, 2]  # a quarter of the 18 that are left


def test_an_image_with_more_samples_than_are_held_out_stays_in_train():
    group = [0] * 60 + list(range(1, 41))
    for seed in range(8):
        parts = chosen({"train": [0] * 60 + [i % 2 for i in range(40)]}, group, seed)
        assert set(range(60)) <= set(parts["train"][1])


def test_a_class_too_rare_to_be_split_stays_in_train():
    rest, part = hold_out(np.array([0, 0, 0, 1]), np.arange(4), 0.25, 0, "test")
    assert (len(rest), len(part)) == (3, 1)
    assert 3 in rest
    label, group = np.array([0, 0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 3, 4, 4, 4])  # one image, three captions
    rest, part = hold_out(label, group, 0.25, 0, "test")
    assert set(rest) >= {4, 5, 6}
    assert len(part) == 1


@pytest.mark.parametrize("each", [2, 3])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_more_classes_than_samples_to_hold_out(each, share):
    """Each class keeps a sample; the others are held out from in turn."""
    label = np.arange(1000 * each) % 1000
    rest, part = hold_out(label, np.arange(1000 * each), share, 0, "test")
    assert len(set(label[rest])) == 1000
    assert len(part) == min(share * 1000 * each, 1000 * (each - 1))
    taken = np.bincount(label[part], minlength=1000)
    assert taken.max() - taken.min() <= 1


def test_an_image_of_several_classes_leaves_each_class_in_train():
    for seed in range(20):
        label = np.array([0, 0, 1, *[0] * 5, *[2] * 6])  # class 1 only as another label of the first image
        group = np.array([0, 0, 0, *range(1, 12)])
        rest, _ = hold_out(label, group, 0.25, seed, "test")
        assert set(label[rest]) == {0, 1, 2}


def test_nothing_to_hold_out_is_a_clear_error():
    with pytest.raises(
        ValueError, match=r"cannot hold out dataset\.test_fraction=0\.25 of 4 samples: no class has two"
    ):
        hold_out(np.arange(4), np.arange(4), 0.25, 0, "test")
    with pytest.raises(ValueError, match=r"dataset\.validation_fraction=0\.25"):
        hold_out(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), 0.25, 0, "validation")


def test_each_beginning_of_an_order_has_its_share_of_every_class():
    label = np.repeat([0, 1, 2], [50, 30, 20])
    for count in range(101):
        drawn = np.bincount(label[stratified_order(label, 0)[:count]], minlength=3)
        assert (abs(drawn - count * np.array([0.5, 0.3, 0.2])) < 1.5).all()
    assert sorted(stratified_order(label, 5)) == list(range(100))


def test_a_limit_draws_that_many_by_class_and_a_quarter_for_the_test():
    source = rows(train=range(120), test=range(120, 180))
    drawn, share = limit_rows(source, 0.25, 42, 0)
    assert share == 0.25
    counts = {name: np.bincount(part.label, minlength=3).tolist() for name, part in drawn.items()}
    assert counts["train"] == [14, 14, 14]
    assert sorted(counts["test"]) == [3, 3, 4]
    again, _ = limit_rows(source, 0.25, 42, 0)
    assert again["train"].caption == drawn["train"].caption
    other, _ = limit_rows(source, 0.25, 42, 1)
    assert other["train"].caption != drawn["train"].caption
    assert {name: len(part) for name, part in limit_rows(source, 0.25, 400, 0)[0].items()} == {"train": 120, "test": 60}
    assert limit_rows(source, 0.25, None, 0) == (source, 0.25)


@pytest.mark.parametrize(
    ("fraction", "limit", "train", "test"), [(0.25, 40, 40, 10), (0.05, 40, 40, 6), (0.25, 999, 90, 30)]
)
def test_a_limit_without_a_test_split_draws_for_both(fraction, limit, train, test):
    drawn, share = limit_rows(rows(train=range(120)), fraction, limit, 0)
    label = drawn["train"].label
    rest, part = hold_out(label, np.arange(len(label)), share, 0, "test")
    assert (len(rest), len(part)) == (train, test)


def test_a_limit_keeps_only_classes_that_train_has():
    train = table([square(i) for i in range(40)], [0] * 20 + [1] * 19 + [2], ["a"] * 40, classes=["x", "y", "z"])
    test = table([square(i) for i in range(40, 60)], [2] * 19 + [0], ["a"] * 20, classes=["x", "y", "z"])
    source = read_rows(DatasetDict(train=train, test=test), COLUMNS)[0]
    for seed in range(5):
        drawn, _ = limit_rows(source, 0.25, 4, seed)
        assert set(drawn["test"].label) <= set(drawn["train"].label)


def test_a_limit_draws_all_samples_of_an_image():
    train = table([square(i // 5) for i in range(100)], [i // 5 % 2 for i in range(100)], ["a"] * 100)
    drawn, _ = limit_rows(read_rows(DatasetDict(train=train, test=train), COLUMNS)[0], 0.25, 42, 0)
    assert {name: np.unique(part.number // 5, return_counts=True)[1].tolist() for name, part in drawn.items()} == {
        "train": [5] * 8,
        "test": [5] * 2,
    }
    with pytest.raises(ValueError, match=r"dataset\.limit keeps 3 samples of train, but each image has 5"):
        limit_rows(read_rows(DatasetDict(train=train, test=train), COLUMNS)[0], 0.25, 3, 0)


def test_rows_know_where_in_the_source_they_were():
    drawn, _ = limit_rows(rows(train=range(48)), 0.25, 24, 0)
    assert drawn["train"].number.tolist() == [
        int(text.split()[0].removeprefix("word")) for text in drawn["train"].caption
    ]
