import logging

import pytest
from datasets import Dataset, DatasetDict
from PIL import Image

from multimodal.dataset.reading.bad_rows import BadRows, text_problems, untrained_problems
from multimodal.dataset.reading.rows import NO_LABEL, Rows, read_rows
from tests.helpers.datasets import CLASSES, COLUMNS, encoded, numbers, prepared, samples, square, table

NO_CLASS = "label is missing or not a training class"
KINDS = {  # what a row has instead, and what is said of it
    "image None": ({"image": None}, "image is missing"),
    "image of zero bytes": ({"image": b""}, "image has zero bytes"),
    "no image": ({"image": b"not an image"}, "image does not decode"),
    "image cut short": ({"image": square(7)[:40]}, "image does not decode"),
    "image 1x1": ({"image": encoded(Image.new("L", (1, 1)))}, "image is too small: 1x1 pixels"),
    "image 20000x20000": ({"image": encoded(Image.new("1", (20000, 20000)))}, "image is too large"),
    "caption None": ({"caption": None}, "caption is missing"),
    "caption empty": ({"caption": ""}, "caption is empty"),
    "caption of spaces": ({"caption": " \n\t\u3000"}, "caption is empty"),
    "label None": ({"label": None}, NO_CLASS),
    "label -1": ({"label": -1}, NO_CLASS),
    "label 3 of 0 to 2": ({"label": 3}, NO_CLASS),
    "label 99": ({"label": 99}, NO_CLASS),
}


def with_bad(bad: dict[int, str], count: int = 48, first: int = 0) -> Dataset:
    """Samples whose pixels and caption are their number and whose class is its remainder; `bad` are of these kinds."""
    rows = []
    for i in range(first, first + count):
        row = {"image": square(i), "label": i % 3, "caption": f"word{i} of them"}
        rows.append(row | (KINDS[bad[i - first]][0] if i - first in bad else {}))
    return table(*([row[name] for row in rows] for name in ("image", "label", "caption")), classes=CLASSES)


def check(data, good: set[int]) -> None:
    """Exactly these samples are there, image, caption, label and class together."""
    assert sorted(i for split in data.splits.values() for i in numbers(split)) == sorted(good)
    for split in data.splits.values():
        held = numbers(split)
        assert split.label.tolist() == split.content.tolist() == [i % 3 for i in held]
        assert len(split.image) == len(split.tokens) == len(held)
        for i, words in zip(held, data.vocabulary.words_of(split.tokens), strict=True):
            assert words[0] in (f"word{i}", "<unk>")
            assert words[1:] == ["of", "them"]
    known = data.vocabulary.words_of(data.splits["train"].tokens)
    assert [words[0] for words in known] == [f"word{i}" for i in numbers(data.splits["train"])]


@pytest.mark.parametrize("kind", KINDS)
def test_one_bad_row_is_refused_by_name_and_skipped_when_allowed(kind, caplog):
    rows = DatasetDict(train=with_bad({17: kind}))
    with pytest.raises(ValueError, match=r"1 bad row in the data, dataset\.max_bad_rows allows 0") as refused:
        prepared(rows)
    assert f": train row 17: {KINDS[kind][1]}" in str(refused.value)
    assert "dataset.max_bad_rows=1" in str(refused.value)
    with caplog.at_level(logging.WARNING, logger="multimodal"):
        data = prepared(rows, max_bad_rows=1)
    assert f"1 bad row skipped: train row 17: {KINDS[kind][1]}" in caplog.text
    assert "(rows are counted from 0)" in caplog.text
    check(data, set(range(48)) - {17})


def test_bad_rows_of_every_kind_and_split_are_counted_and_the_rest_stays_together(caplog):
    in_train = dict(zip(range(3, 48, 3), KINDS, strict=False))
    in_test = {2 * i: kind for i, kind in enumerate(KINDS)}
    rows = DatasetDict(train=with_bad(in_train), test=with_bad(in_test, first=100))
    limit = len(in_train) + len(in_test)
    data = prepared(rows, max_bad_rows=limit)
    check(data, {i for i in range(48) if i not in in_train} | {100 + i for i in range(48) if i not in in_test})
    assert min(numbers(data.splits["test"])) >= 100
    found = {(row["split"], row["row"]): row["problem"] for row in data.card["bad_rows"]}
    wanted = {(split, i): kind for split, bad in (("train", in_train), ("test", in_test)) for i, kind in bad.items()}
    assert found.keys() == wanted.keys()
    assert len(data.card["bad_rows"]) == limit
    assert all(problem.startswith(KINDS[wanted[place]][1]) for place, problem in found.items())
    assert f"{limit} bad rows skipped" in caplog.text
    with pytest.raises(ValueError, match=f"{limit} bad rows in the data, dataset.max_bad_rows allows {limit - 1}"):
        prepared(rows, max_bad_rows=limit - 1)


@pytest.mark.parametrize("label", ["string", "int", "ClassLabel"])
def test_a_class_that_only_the_test_split_has_is_a_bad_row(label):
    train, test = [i for i in range(18) if i % 3 < 2], [0, 2, 1, 5]  # no third class in train
    rows = DatasetDict(train=samples(train, label), test=samples(test, label))
    why = "no training sample has this class" if label == "ClassLabel" else NO_CLASS
    with pytest.raises(ValueError, match=f"2 bad rows.*: test row 1: {why}; test row 3: {why}; "):
        prepared(rows)
    data = prepared(rows, max_bad_rows=2)
    assert numbers(data.splits["test"]) == [0, 1]
    assert data.splits["test"].label.tolist() == [0, 1]


def test_a_class_whose_training_images_are_all_broken_has_no_training_sample():
    broken = table([None if i % 3 == 2 else square(i) for i in range(24)], [i % 3 for i in range(24)], ["a"] * 24)
    data = prepared(DatasetDict(train=broken, test=samples(range(24, 30), "ClassLabel")), max_bad_rows=99)
    assert set(data.splits["test"].content.tolist()) <= set(data.splits["train"].content.tolist())


@pytest.mark.parametrize("bad", [range(24), range(3, 24)], ids=["all", "all but three"])
def test_so_many_bad_rows_that_no_split_can_be_made_are_named_all_the_same(bad):
    with pytest.raises(ValueError, match=rf"{len(bad)} bad rows.*: train row {bad[0]}: caption is empty"):
        prepared(DatasetDict(train=with_bad(dict.fromkeys(bad, "caption empty"), count=24)))


def test_a_test_split_without_a_usable_row_is_a_clear_error():
    rows = DatasetDict(train=samples(range(24)), test=with_bad(dict.fromkeys(range(3), "image None"), count=3))
    with pytest.raises(ValueError, match="test"):
        prepared(rows, max_bad_rows=3)


def test_rows_beyond_the_limit_of_samples_are_named_by_their_place_in_the_source():
    bad = range(0, 48, 2)
    images = [b"no image %d" % i if i in bad else square(i) for i in range(48)]
    train = table(images, [i % 3 for i in range(48)], ["a caption"] * 48, classes=CLASSES)
    data = prepared(DatasetDict(train=train), limit=24, max_bad_rows=48)
    read = sorted(i for split in data.splits.values() for i in numbers(split))
    named = [row["row"] for row in data.card["bad_rows"]]
    assert set(named) <= set(bad)
    assert set(read).isdisjoint(bad)
    assert len(named) == len(set(named))
    assert len(read) + len(named) == 24 + 6  # what was kept of train, and a quarter as many for the test


def rows(captions: list[str | None]) -> Rows:
    """Rows of one split with these captions."""
    train = table([square(0)] * len(captions), [i % 2 for i in range(len(captions))], captions)
    return read_rows(DatasetDict(train=train), COLUMNS)[0]["train"]


@pytest.mark.parametrize("count", [1, 9, 10, 11, 25])
def test_the_first_ten_are_listed_and_the_rest_counted(count):
    bad = BadRows(0)
    given = rows(["fine"] * 3 + [None] * count)
    assert bad.without(given, text_problems(given)).number.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match=f"^{count} bad rows?") as refused:
        bad.report()
    assert "\n" not in str(refused.value)
    parts = str(refused.value).partition("allows 0 (rows are counted from 0): ")[2].split("; ")
    more = [f"and {count - 10} more"] if count > 10 else []
    assert parts[:-1] == [*(f"train row {3 + i}: caption is missing" for i in range(min(count, 10))), *more]


@pytest.mark.parametrize(("limit", "refused"), [(4, True), (5, False), (6, False)])
def test_the_limit_is_the_most_that_may_be_skipped(limit, refused, caplog):
    bad = BadRows(limit)
    given = rows(["fine"] * 2 + [""] * 5)
    bad.without(given, text_problems(given))
    if refused:
        with pytest.raises(ValueError, match="allows 4"):
            bad.report()
    else:
        bad.report()
        assert caplog.text.count("5 bad rows skipped") == 1


def test_good_rows_are_all_kept_and_nothing_is_said(caplog):
    bad = BadRows(0)
    given = rows(["one", "two", "👩‍🚀", "שלום", "word " * 5000])
    assert bad.without(given, text_problems(given)) is given
    bad.report()
    assert not caplog.records


def test_a_class_is_known_if_a_training_row_has_it():
    train, test = (read_rows(DatasetDict(train=samples(n)), COLUMNS)[0]["train"] for n in ([0, 2, 5], range(6)))
    named = untrained_problems(test, train)
    assert [problem is None for problem in named] == [True, False, True] * 2


def test_a_row_with_two_faults_is_one_bad_row():
    given = table([b"", square(1), square(2)], [None, 1, 0], [None, "a", "b"])
    part = read_rows(DatasetDict(train=given), COLUMNS)[0]["train"]
    assert part.label.tolist() == [NO_LABEL, 1, 0]
    bad = BadRows(9)
    kept = bad.without(part, text_problems(part))
    assert (kept.number.tolist(), kept.label.tolist(), kept.caption) == ([1, 2], [1, 0], ["a", "b"])
    assert len(bad.skipped) == 1
