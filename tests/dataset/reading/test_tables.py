"""Tables are read as they stand, and what is wrong with one is said in one line that names the file."""

import json

import pytest

from multimodal.dataset.reading.sources import read_path, read_source
from multimodal.dataset.reading.tables import read_tables
from tests.helpers.datasets import square

HEADER = "file_name,label,caption"


@pytest.fixture
def folder(tmp_path):
    """A folder with three pictures."""
    (tmp_path / "data").mkdir()
    for i in range(3):
        (tmp_path / "data" / f"{i}.png").write_bytes(square(i))
    return tmp_path / "data"


def read(folder, text: str | bytes, name: str = "metadata.csv"):
    """The train split of a folder with this table."""
    content = text if isinstance(text, bytes) else text.encode()
    (folder / name).write_bytes(content)
    return read_path(str(folder if name.startswith("metadata") else folder / name))["train"]


def test_words_that_stand_for_missing_values_elsewhere_are_text(folder):
    words = ["NA", "None", "nan", "null", "N/A", "-", "", "  "]
    rows = read(
        folder, "\n".join([HEADER, *[f"0.png,{word},{word} it is" for word in words[:6]], "0.png,,", "0.png,  ,a"])
    )
    assert rows["label"][:] == [*words[:6], None, "  "]
    assert rows["caption"][:3] == ["NA it is", "None it is", "nan it is"]
    assert rows["caption"][6] is None


def test_quoted_commas_line_breaks_and_separators_of_unicode_stay_in_the_caption(folder):
    text = f'{HEADER}\r\n0.png,cat,"a, ""b""\nc"\r\n1.png,dog,one\u2028two\x85three\x0cfour\r\n\r\n2.png,cat\r\n'
    rows = read(folder, "\ufeff" + text)
    assert rows["caption"][:] == ['a, "b"\nc', "one\u2028two\x85three\x0cfour", None]
    assert [image.getpixel((0, 0)) for image in rows["image"]] == [0, 1, 2]


def test_numbers_stay_as_they_are_written(folder):
    rows = read(folder, "image,label,caption\n0.png,01,007\n1.png,1e5,1.50", "rows.csv")
    assert rows["label"][:] == ["01", "1e5"]
    assert rows["caption"][:] == ["007", "1.50"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER, r"has a header but no rows \(found the columns file_name, label, caption\)"),
        (HEADER + "\n\n", "has a header but no rows"),
        ("", "is empty"),
        ("\n\n", "is empty"),
        (
            f"{HEADER}\n0.png,cat,a".replace(",", ";"),
            r"divided by semicolons \(found the column file_name;label;caption",
        ),
        (f"{HEADER}\n0.png,cat,a".replace(",", "\t"), r"divided by tabs \(found the column file_name\tlabel\tcaption"),
        (
            f"{HEADER}\n0.png,caf\u00e9,a".encode("latin-1"),
            r"is not in UTF-8 \(byte 0xe9 at position 33; perhaps Latin-1",
        ),
        (f"{HEADER}\n0.png,cat,a".encode("utf-16-le"), "is in UTF-16 without a byte order mark; save it in UTF-8"),
        (f"{HEADER}\n0.png,cat,a".encode("utf-16")[:-1], r"is not in UTF-16 \(byte 0x61 at position 70\); save it"),
        ("label,caption, label\n0.png,cat,a", r"names a column twice \(found the columns label, caption, label\)"),
        ("name,label,caption\n0.png,cat,a", "no column file_name.*found the columns name, label, caption"),
        ("file_name,label,label\n0.png,cat,a", r"names a column twice \(found the columns file_name, label, label\)"),
        (f"{HEADER}\n0.png,cat,a\n1.png,dog,b, c", "line 3 has 4 cells for 3 columns"),
        (f'{HEADER}\n0.png,cat,"a\n1.png,dog,b', "is a quote not closed"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_in_one_line(folder, text, message):
    with pytest.raises(ValueError, match=rf"^dataset\.path: .*metadata\.csv .*{message}") as told:
        read(folder, text)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no rows"),
        ('{"file_name": "0.png"}\n{"file_name"', "line 2 is not valid JSON"),
        ("[1, 2]", "does not hold rows"),
        ("7", "does not hold rows"),
        (
            '{"file_name": "0.png", "label": 1}\n{"file_name": "1.png", "label": "a"}',
            "values of different kinds: column label, row 1 .from 0.: 'a'; give every row text",
        ),
        ('{"file_name": "0.png", "label": 99999999999999999999999}', "values of different kinds"),
        ('{"file_name": "0.png", "label": "\\ud800"}', "values of different kinds"),
        ("[" * 100000, "is not valid JSON"),
        (b'{"file_name": "0.png", "label": "\xe9"}', "is not in UTF-8"),
    ],
)
def test_what_is_wrong_with_json_is_said_in_one_line(folder, text, message):
    with pytest.raises(ValueError, match=rf"^dataset\.path: .*metadata\.jsonl .*{message}") as told:
        read(folder, text, "metadata.jsonl")
    assert "\n" not in str(told.value)


ROWS = [{"image": f"{i}.png", "label": "NA" if i else None, "caption": ["a", "b"]} for i in range(3)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rows.jsonl", "\n".join(map(json.dumps, ROWS)) + "\n\n"),
        ("rows.json", json.dumps(ROWS, indent=1)),
        ("rows.json", "\n".join(map(json.dumps, ROWS))),
        ("rows.json", json.dumps({key: [row[key] for row in ROWS] for key in ROWS[0]})),
    ],
    ids=["lines", "list", "lines called json", "columns"],
)
def test_json_of_any_layout_is_the_same_rows(folder, name, text):
    assert list(read(folder, text, name)) == ROWS


def test_rows_may_lack_a_key(folder):
    rows = read(folder, '{"image": "0.png", "label": "cat"}\n{"image": "1.png", "caption": "a"}', "rows.jsonl")
    assert list(rows) == [
        {"image": "0.png", "label": "cat", "caption": None},
        {"image": "1.png", "label": None, "caption": "a"},
    ]


def test_a_picture_may_have_a_column_of_another_name(folder):
    rows = read(folder, "photo_file_name,label,caption\n0.png,cat,a\n,dog,b")
    assert rows.column_names == ["label", "caption", "photo"]
    assert rows["photo"][0].getpixel((0, 0)) == 0
    assert rows["photo"][1] is None


@pytest.mark.parametrize("name", ["csv", "tsv", "jsonl"])
def test_files_named_after_splits_are_those_splits(tmp_path, name):
    for split in ("train", "val", "test"):
        row = {"image": f"{split}.png", "label": "cat", "caption": "a"}
        mark = "\t" if name == "tsv" else ","
        text = json.dumps(row) if name == "jsonl" else mark.join(row) + "\n" + mark.join(row.values())
        (tmp_path / f"{split}.{name}").write_text(text)
    read = read_path(str(tmp_path))
    assert {split: rows["image"][:] for split, rows in read.items()} == {
        "train": ["train.png"],
        "validation": ["val.png"],
        "test": ["test.png"],
    }


def test_several_files_of_a_split_are_read_one_after_another(folder):
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text(f"image,label\n{name},cat")
    assert read_tables([folder / "a.csv", folder / "b.csv"])["image"][:] == ["a.csv", "b.csv"]


def test_pictures_named_after_splits_beside_one_table_are_one_split(folder):
    (folder / "my-test-1.png").write_bytes(square(9))
    rows = read(folder, f"{HEADER}\n0.png,cat,a\nmy-test-1.png,dog,b")
    assert [image.getpixel((0, 0)) for image in rows["image"]] == [0, 9]


def test_the_folder_itself_may_be_given_as_a_dot(folder, monkeypatch):
    (folder / "metadata.csv").write_text(f"{HEADER}\n0.png,cat,a")
    monkeypatch.chdir(folder)
    assert read_path(".")["train"]["caption"][:] == ["a"]
    (folder / "deeper").mkdir()
    monkeypatch.chdir(folder / "deeper")
    assert read_path("..")["train"]["caption"][:] == ["a"]


def test_two_tables_of_one_folder_are_refused(folder):
    (folder / "metadata.jsonl").write_text('{"file_name": "0.png"}')
    with pytest.raises(ValueError, match=r"metadata\.csv and metadata\.jsonl; keep one"):
        read(folder, f"{HEADER}\n0.png,cat,a")


@pytest.mark.parametrize("name", ["README.md", "notes", "script.py", "data.zip"])
def test_a_file_that_is_no_data_is_refused_without_asking_the_hub(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("# no data")
    monkeypatch.setattr("multimodal.dataset.reading.sources.read_hub", pytest.fail)
    monkeypatch.setattr("datasets.load_dataset", pytest.fail)
    with pytest.raises(ValueError, match=rf"^dataset\.path: {name} is not a save_to_disk folder.*\.parquet, \.csv"):
        read_source("path", name, None, None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_a_byte_order_mark_says_how_a_table_is_encoded(folder, encoding):
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    rows = read(folder, f"{mark}{HEADER}\n0.png,caf\u00e9,\u4e00\u53ea\u732b".encode(encoding))
    assert (rows["label"][:], rows["caption"][:]) == (["caf\u00e9"], ["\u4e00\u53ea\u732b"])


@pytest.mark.parametrize(
    "header", ["file_name , label,caption ", "file_name, label, caption", " file_name,label,caption"]
)
def test_space_around_the_names_of_columns_is_none_of_them(folder, header):
    space = " " if ", " in header else ""
    rows = read(folder, f'{header}\n0.png,{space}cat,{space}"a, b"')
    assert (rows["label"][:], rows["caption"][:]) == (["cat"], ["a, b"])
    assert rows["image"][0].getpixel((0, 0)) == 0


def test_space_in_cells_stays_where_the_header_has_none(folder):
    assert read(folder, f"{HEADER}\n0.png, cat,a ")[0]["label"] == " cat"


@pytest.mark.parametrize("name", ["train.csv.gz", "metadata.csv.gz", "rows.jsonl.bz2", "rows.parquet.xz"])
def test_a_compressed_table_is_told_in_one_line(folder, name):
    (folder / name).write_bytes(b"any")
    for place in (folder, folder / name):
        with pytest.raises(ValueError, match=rf"{name} is compressed, which is not read; decompress it .*un\w+ {name}"):
            read_path(str(place))


def test_a_compressed_table_beside_the_one_that_is_read_is_named(folder, caplog):
    (folder / "metadata.csv.gz").write_bytes(b"any")
    assert len(read(folder, f"{HEADER}\n0.png,cat,a")) == 1
    assert "not read: metadata.csv.gz" in caplog.text


def test_the_file_and_row_of_a_value_of_another_kind_are_named(folder):
    (folder / "a.jsonl").write_text('{"label": 1}\n{"label": null}')
    (folder / "b.jsonl").write_text('{"label": 2}\n{"label": [3]}')
    with pytest.raises(ValueError, match=r"b\.jsonl holds .* column label, row 1 \(from 0\): \[3\]"):
        read_tables([folder / "a.jsonl", folder / "b.jsonl"])


def test_a_name_that_is_no_text_is_told_in_one_line(tmp_path):
    place = tmp_path / "caf\udce9"
    place.mkdir()
    with pytest.raises(ValueError, match=r"^dataset\.path: .*caf\\udce9 cannot be read: the name is not in UTF-8"):
        read_path(str(place))
