import math

import numpy as np
import pytest
from datasets import Dataset, DatasetDict, Image

from multimodal.dataset.reading.rows import NO_LABEL, absolute_paths, read_rows
from tests.helpers.datasets import CLASSES, COLUMNS, LABELS, samples, square, table


@pytest.mark.parametrize("label", LABELS)
def test_labels_of_any_kind_become_numbers_of_sorted_classes(label):
    splits = DatasetDict(train=samples(range(24), label), test=samples([31, 30, 32, 33], label))
    rows, names = read_rows(splits, COLUMNS)
    assert names == (["5", "15", "25"] if label == "int" else CLASSES)
    assert rows["train"].label.dtype == np.int64
    assert rows["train"].label.tolist() == [i % 3 for i in range(24)]
    assert rows["test"].label.tolist() == [1, 0, 2, 0]


@pytest.mark.parametrize(
    ("bad", "classes"),
    [
        ([None, 99, -1, 3], CLASSES),
        ([None, "", "  ", "fish"], None),
        ([None, 3, -1, 99], None),
        ([None, math.nan, 1.5, 99.0], None),
    ],
    ids=["ClassLabel", "string", "int", "float"],
)
def test_a_label_that_is_none_of_the_training_classes_is_no_label(bad, classes):
    good, nothing = {str: (CLASSES, " "), float: ([0.0, 1.0, 2.0], math.nan), int: ([0, 1, 2], None)}[type(bad[-1])]
    splits = DatasetDict(
        train=table([square(0)] * 4, [*good, nothing], ["a"] * 4, classes=classes),
        test=table([square(0)] * 6, [good[2], *bad, good[1]], ["a"] * 6, classes=classes),
    )
    rows, names = read_rows(splits, COLUMNS)
    assert len(names) == 3
    assert rows["train"].label.tolist() == [0, 1, 2, NO_LABEL]
    assert rows["test"].label.tolist() == [2, *[NO_LABEL] * 4, 1]


@pytest.mark.parametrize(
    ("label", "names"),
    [([1, 0, 2], ["dog", "cat", "bird"]), ([0, 1], ["cat", "dog"]), (["cat", "dog", "bird"], None), ([1, 2, 0], None)],
    ids=["another order", "fewer", "strings", "numbers"],
)
def test_a_class_keeps_its_name_however_the_test_split_says_it(label, names):
    """A `class_encode_column` of each split by itself makes such data; both say cat, dog, bird."""
    splits = DatasetDict(
        train=table([square(0)] * 3, [1, 2, 0], ["a"] * 3, classes=CLASSES),
        test=table([square(0)] * len(label), label, ["a"] * len(label), classes=names),
    )
    rows, classes = read_rows(splits, COLUMNS)
    for part in rows.values():
        assert [classes[k] for k in part.label] == ["cat", "dog", "bird"][: len(part)]


def test_columns_may_have_any_names():
    names = ("picture", "kind", "text")
    splits = DatasetDict(train=samples(range(6), "string", names).add_column("caption", ["not this one"] * 6))
    rows, classes = read_rows(splits, dict(zip(COLUMNS, names, strict=True)))
    assert classes == CLASSES
    assert rows["train"].caption == [f"word{i} of them" for i in range(6)]
    assert [row["image"]["bytes"] for row in rows["train"].image] == [square(i) for i in range(6)]


def test_columns_may_have_each_others_names():
    splits = DatasetDict(train=samples(range(6), "string", ("image", "caption", "label")))
    rows, classes = read_rows(splits, {"image": "image", "label": "caption", "caption": "label"})
    assert classes == CLASSES
    assert rows["train"].caption[0] == "word0 of them"


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_unknown_column_names_those_there_are(split):
    splits = DatasetDict(train=samples(range(6)), test=samples(range(6)))
    splits[split] = splits[split].rename_column("caption", "text")
    with pytest.raises(ValueError, match=r"no column caption among .*text.*dataset\.columns"):
        read_rows(splits, COLUMNS)


def test_data_without_a_train_split_names_those_there_are():
    with pytest.raises(ValueError, match="no train split among test"):
        read_rows(DatasetDict(test=samples(range(6))), COLUMNS)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"image": "label"}, "column label does not hold images but ClassLabel"),
        ({"caption": "image"}, r"column image does not hold captions but Image.*dataset\.columns\.caption"),
        ({"caption": "label"}, r"column label does not hold captions but .*dataset\.columns\.caption"),
    ],
)
def test_a_column_of_something_else_is_named(columns, message):
    with pytest.raises(ValueError, match=message):
        read_rows(DatasetDict(train=samples(range(6))), COLUMNS | columns)


@pytest.mark.parametrize("label", ["string", "int"])
def test_one_class_is_no_task(label):
    with pytest.raises(ValueError, match="column label has 1 classes in train"):
        read_rows(DatasetDict(train=samples([0, 3, 6], label)), COLUMNS)


def test_what_is_taken_keeps_number_image_label_and_caption_together():
    rows = read_rows(DatasetDict(train=samples(range(10))), COLUMNS)[0]["train"]
    rows = rows.take(np.array([7, 2, 9, 4])).take(np.array([3, 0, 1]))
    assert rows.split == "train"
    assert rows.number.tolist() == [4, 7, 2]
    assert rows.label.tolist() == [1, 1, 2]
    assert rows.caption == ["word4 of them", "word7 of them", "word2 of them"]
    assert [row["image"]["bytes"] for row in rows.image] == [square(4), square(7), square(2)]


def test_embedded_images_that_have_a_name_are_not_copied(tmp_path):
    named = [{"bytes": square(i), "path": f"{i}.png"} for i in range(3)]
    images = Dataset.from_dict({"image": named}).cast_column("image", Image(decode=False))
    (tmp_path / "1.png").write_bytes(square(9))
    assert absolute_paths(images, tmp_path) is images
    given = Dataset.from_dict({"image": [*named, {"bytes": None, "path": "1.png"}, {"bytes": None, "path": None}]})
    found = absolute_paths(given.cast_column("image", Image(decode=False)), tmp_path)["image"][:]
    assert found[:3] == named
    assert [image["path"] for image in found[3:]] == [str(tmp_path / "1.png"), None]
