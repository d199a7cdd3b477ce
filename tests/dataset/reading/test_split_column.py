"""A column `split` names the splits of data that comes as one."""

import pytest
from datasets import ClassLabel, DatasetDict

from multimodal.dataset.reading.rows import read_rows
from tests.helpers.datasets import COLUMNS, prepared, samples, square, table


def divided(values: list, **changed):
    """One split `train` of samples 0, 1 ... with these values in the column `split`."""
    rows = samples(range(len(values))).add_column("split", values)
    return read_rows(DatasetDict({"train": rows} | changed), COLUMNS)[0]


def held(rows: dict) -> dict[str, list[int]]:
    """The numbers of each split's rows in the source."""
    return {name: part.number.tolist() for name, part in rows.items()}


@pytest.mark.parametrize("validation", ["validation", "val", "valid", "dev", " Val"])
@pytest.mark.parametrize("test", ["test", "testing", "eval"])
def test_a_column_of_splits_is_used(validation, test, caplog):
    rows = divided(["train", test, "train", validation, "Train", test])
    assert held(rows) == {"train": [0, 2, 4], "validation": [3], "test": [1, 5]}
    assert rows["test"].caption == ["word1 of them", "word5 of them"]
    assert [row["image"]["bytes"] for row in rows["test"].image] == [square(1), square(5)]
    assert not caplog.records


def test_a_class_label_of_splits_is_used():
    rows = samples(range(4)).add_column("split", [1, 0, 1, 1]).cast_column("split", ClassLabel(names=["test", "train"]))
    assert held(read_rows(DatasetDict(train=rows), COLUMNS)[0]) == {"train": [0, 2, 3], "test": [1]}


def test_splits_of_other_names_and_rows_without_one_are_said(caplog):
    assert held(divided(["train", "restval", "train", None, "test"])) == {"train": [0, 2], "test": [4]}
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == "splits of the data that are not read: restval, (empty) (read: train, test)"


@pytest.mark.parametrize("values", [["left", "right", "left"], ["test", "test", None], [1, 2, 1]])
def test_a_column_that_names_no_training_split_is_told(values, caplog):
    assert held(divided(values)) == {"train": [0, 1, 2]}
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"column split is not read as splits: it holds '{values[0]}', ")
    assert "wanted are train, validation and test" in line


def test_the_sources_own_splits_come_first_and_a_contradiction_is_said(caplog):
    test = samples(range(10, 13)).add_column("split", ["testing", "train", "val"])
    assert held(divided(["train"] * 3, test=test)) == {"train": [0, 1, 2], "test": [0, 1, 2]}
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("column split of split test holds train, val; it is not read")


def test_a_column_that_is_the_label_is_no_split(caplog):
    rows = table([square(0)] * 2, ["train", "bus"], ["a"] * 2, names=("image", "split", "caption"))
    _, classes = read_rows(DatasetDict(train=rows), COLUMNS | {"label": "split"})
    assert classes == ["bus", "train"]
    assert not caplog.records


def test_a_metadata_file_divides_the_data(tmp_path):
    lines = ["file_name,label,caption,split"]
    for i in range(24):
        (tmp_path / f"{i}.png").write_bytes(square(i))
        lines.append(f"{i}.png,{'cat' if i % 2 else 'dog'},a,{('train', 'train', 'val', 'test')[i // 2 % 4]}")
    (tmp_path / "metadata.csv").write_text("\n".join(lines))
    data = prepared(None, source="path", path=str(tmp_path))
    shown = {name: sorted(split.image[:][:, 0, 0, 0].tolist()) for name, split in data.splits.items()}
    assert shown["validation"] == [4, 5, 12, 13, 20, 21]
    assert shown["test"] == [6, 7, 14, 15, 22, 23]
