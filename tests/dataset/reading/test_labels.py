"""Labels of any kind become class names, or one line says what the column holds."""

import logging
import math

import pytest
from datasets import ClassLabel, Dataset, DatasetDict

from multimodal.dataset.reading.rows import NO_LABEL, read_rows
from tests.helpers.datasets import COLUMNS, square, table


def read(labels: list, **others: list) -> tuple[dict, list[str]]:
    """Rows and classes of a train split of these labels, and of other splits."""
    parts = {"train": labels} | others
    return read_rows(
        DatasetDict({name: table([square(0)] * len(part), part, ["a"] * len(part)) for name, part in parts.items()}),
        COLUMNS,
    )


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        ([1.0, 2.0, 10.0, math.nan, None], ["1", "2", "10"], [0, 1, 2, NO_LABEL, NO_LABEL]),
        (["1.0", "2.0", "10", None], ["1", "2", "10"], [0, 1, 2, NO_LABEL]),
        (["10", "9", "-1", " "], ["-1", "9", "10"], [2, 1, 0, NO_LABEL]),
        (["01", "1", "2"], ["01", "1", "2"], [0, 1, 2]),
        ([True, False, None], ["False", "True"], [1, 0, NO_LABEL]),
        (["None", "NA", "nan", "null", None, ""], ["NA", "None", "nan", "null"], [1, 0, 2, 3, NO_LABEL, NO_LABEL]),
        (["1.5 litres", "2.0"], ["1.5 litres", "2.0"], [0, 1]),
        (["caf\u00e9", "cafe\u0301", "tea"], ["caf\u00e9", "tea"], [0, 0, 1]),
    ],
    ids=["floats", "decimal text", "whole text", "leading zero", "bool", "words for missing", "mixed text", "NFC, NFD"],
)
def test_labels_become_classes(labels, classes, numbers):
    rows, names = read(labels)
    assert names == classes
    assert rows["train"].label.tolist() == numbers


def test_a_class_keeps_its_name_in_a_split_of_another_type():
    rows, classes = read([1.0, 2.0], test=[2, 1, 3], validation=["2", "1", "2.0"])
    assert classes == ["1", "2"]
    assert rows["test"].label.tolist() == [1, 0, NO_LABEL]
    assert rows["validation"].label.tolist() == [1, 0, NO_LABEL]


def test_names_of_a_class_label_are_one_however_they_are_composed():
    composed, decomposed = ClassLabel(names=["caf\u00e9", "tea"]), ClassLabel(names=["tea", "cafe\u0301"])
    parts = {"train": [0, 1], "test": [1, 0]}
    splits = {name: table([square(0)] * 2, labels, ["a"] * 2) for name, labels in parts.items()}
    splits["train"] = splits["train"].cast_column("label", composed)
    splits["test"] = splits["test"].cast_column("label", decomposed)
    rows, classes = read_rows(DatasetDict(splits), COLUMNS)
    assert classes == ["caf\u00e9", "tea"]
    assert rows["test"].label.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("labels", "held"),
    [
        ([0.5, 1.0], r"holds numbers such as 0\.5.*regression"),
        ([math.inf, 1.0], r"holds numbers such as inf.*regression"),
        (["0.5", "1.0"], r"holds numbers such as 0\.5.*regression"),
        ([["cat"], ["dog", "cat"]], r"holds List\(.*such as \['cat'\]"),
        ([{"name": "cat"}, {"name": "dog"}], r"holds \{.*such as \{'name': 'cat'\}"),
        ([[1, 0], [0, 1]], r"holds List\(.*such as \[1, 0\]"),
        ([b"cat", b"dog"], r"holds Value\('binary'\), such as b'cat'"),
    ],
    ids=["fractions", "infinite", "text of fractions", "lists", "dicts", "one-hot", "bytes"],
)
def test_what_names_no_class_is_told_in_one_line(labels, held):
    with pytest.raises(ValueError, match=rf"^dataset\.columns\.label: column label {held}") as refused:
        read(labels)
    assert "\n" not in str(refused.value)
    assert "in row 0 (from 0) of the data, split train" in str(refused.value)
    assert "a class per row is wanted" in str(refused.value)


@pytest.mark.parametrize("labels", [[None, None], ["", " "], ["cat", "cat"], [1, 1]])
def test_fewer_than_two_classes_are_told(labels):
    with pytest.raises(ValueError, match=r"dataset\.columns\.label: column label has [01] classes in train"):
        read(labels)


def test_names_equal_but_for_case_and_space_are_told(caplog):
    with caplog.at_level(logging.WARNING, logger="multimodal"):
        _, classes = read(["cat", "Cat", "cat ", "dog", "tom cat", "Tomcat"])
    assert len(classes) == 6
    (line,) = [record.getMessage() for record in caplog.records]
    assert "'Cat', 'cat', 'cat '; 'Tomcat', 'tom cat'" in line
    assert "dataset.columns.label" in line
    assert "dog" not in line


def test_names_that_look_alike_are_told_and_stay_classes(caplog):
    classes = ["cat", "c\u200bat", "\uff43\uff41\uff54", "dog", "do\u00adg", "fi", "\ufb01", "x"]
    _, names = read(classes)
    assert sorted(names) == sorted(classes)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "'cat', 'c\\u200bat', '\uff43\uff41\uff54'" in line
    assert r"'dog', 'do\xadg'; 'fi', 'ﬁ';" in line
    assert "'x'" not in line


def test_a_name_of_nothing_that_is_shown_is_missing():
    rows, names = read(["cat", "\u200b", "dog", " \ufeff"])
    assert names == ["cat", "dog"]
    assert rows["train"].label.tolist() == [0, NO_LABEL, 1, NO_LABEL]


def test_names_that_differ_are_not_told(caplog):
    read(["cat", "dog", "1", "01"])
    assert not caplog.records


@pytest.mark.parametrize("name", ["validation", "val", "valid", "dev", "Validation"])
@pytest.mark.parametrize("test", ["test", "testing", "eval"])
def test_the_datas_own_validation_and_test_splits_are_read(name, test):
    rows, _ = read([1, 2], **{name: [2, 2, 1], test: [1]})
    assert {split: part.label.tolist() for split, part in rows.items()} == {
        "train": [0, 1],
        "validation": [1, 1, 0],
        "test": [0],
    }
    assert {split: part.split for split, part in rows.items()} == {
        "train": "train",
        "validation": "validation",
        "test": "test",
    }


def test_splits_that_are_not_read_are_named(caplog):
    rows, _ = read([1, 2], validation=[1], dev=[2], unlabelled=[1], test=[1])
    assert list(rows) == ["train", "validation", "test"]
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == "splits of the data that are not read: dev, unlabelled (read: train, validation, test)"


def test_a_split_of_no_known_name_alone_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="no train split among everything"):
        read_rows(DatasetDict(everything=Dataset.from_dict({"image": []})), COLUMNS)
