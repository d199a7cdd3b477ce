import json

import pytest

from multimodal.io import read_csv, read_json, read_parquet, remove_parts, whole, write_csv, write_json, write_parquet


def test_a_table_comes_back_as_it_was_written(tmp_path):
    rows = [{"step": 5, "train/loss": 0.1 + 0.2}, {"step": 10, "train/loss": 1e-9}]
    write_csv(rows, tmp_path / "history.csv")
    assert read_csv(tmp_path / "history.csv") == rows


def test_a_column_that_begins_late_is_missing_in_the_earlier_rows(tmp_path):
    rows = [{"step": 5.0}, {"step": 10.0, "train/kl": 0.5}]
    write_csv(rows, tmp_path / "history.csv")
    assert read_csv(tmp_path / "history.csv") == rows


def test_no_file_is_no_rows(tmp_path):
    assert read_csv(tmp_path / "history.csv") == []


def test_json_is_whole_or_not_at_all_and_never_nan(tmp_path):
    file = tmp_path / "metrics.json"
    write_json({"accuracy/both": 0.5, "psnr": None}, file)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json({"accuracy/both": float("nan")}, file)
    assert json.loads(file.read_text()) == {"accuracy/both": 0.5, "psnr": None}
    assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.json"]


def half(file):
    """A write that fails on its way."""
    with whole(file) as temporary:
        temporary.write_text("half")
        raise OSError("disk full")


def test_a_write_that_fails_leaves_the_file_that_was_there(tmp_path):
    file = tmp_path / "report.md"
    file.write_text("before")
    with pytest.raises(OSError, match="disk full"):
        half(file)
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_what_a_cut_write_left_is_found_and_nothing_else(tmp_path):
    write_json([1], tmp_path / "kept.json")
    writing = whole(tmp_path / "kept.json")
    writing.__enter__().write_text("half")  # and then the process is killed
    assert len(list(tmp_path.iterdir())) == 2
    remove_parts(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["kept.json"]
    assert read_json(tmp_path / "kept.json") == [1]


def test_what_is_renamed_is_on_the_disk_before(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr("multimodal.io.os.fsync", lambda descriptor: done.append((tmp_path / "a.json").exists()))
    write_json([1], tmp_path / "a.json")
    assert done == [False, True]  # the file, then the folder's new name


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe", b"{'a': 1}"])
def test_a_damaged_json_is_named(tmp_path, content):
    (tmp_path / "metrics.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"metrics\.json is damaged"):
        read_json(tmp_path / "metrics.json")


@pytest.mark.parametrize("content", [b"step\nabc", b"step\n1,2", b"step\n\xff"])
def test_a_damaged_table_of_numbers_is_named(tmp_path, content):
    (tmp_path / "history.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"history\.csv is damaged"):
        read_csv(tmp_path / "history.csv")


def test_a_flipped_bit_of_a_parquet_table_is_found_and_named(tmp_path):
    file = tmp_path / "predictions.parquet"
    write_parquet({"probability": [i / 7 for i in range(500)]}, file)
    assert read_parquet(file)["probability"].tolist() == [i / 7 for i in range(500)]
    content = bytearray(file.read_bytes())
    content[1000] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"predictions\.parquet is damaged"):
        read_parquet(file)
