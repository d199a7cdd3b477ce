"""Captions are texts, one or several for each image."""

import datasets
import pytest
from datasets import Dataset, DatasetDict

from multimodal.dataset.reading.bad_rows import BadRows, text_problems
from multimodal.dataset.reading.rows import Rows, read_rows
from tests.helpers.datasets import COLUMNS, prepared, square


def read(captions: list, images: list | None = None) -> Rows:
    """The train split of these captions."""
    count = len(captions)
    contents = [square(i) for i in range(count)] if images is None else images
    rows = Dataset.from_dict(
        {
            "image": [{"bytes": content, "path": None} for content in contents],
            "label": [i % 2 for i in range(count)],
            "caption": captions,
        }
    )
    return read_rows(DatasetDict(train=rows.cast_column("image", datasets.Image())), COLUMNS)[0]["train"]


@pytest.mark.parametrize(
    "captions",
    [
        [["one", "two"], ["three"]],
        [[{"raw": "one", "id": 1}, {"raw": "two", "id": 2}], [{"raw": "three", "id": 3}]],
        [[{"caption": "one"}, {"caption": "two"}], [{"caption": "three"}]],
        [{"raw": ["one", "two"]}, {"raw": ["three"]}],
    ],
    ids=["texts", "COCO", "dicts", "dict of lists"],
)
def test_a_list_of_captions_is_a_row_for_each_of_them(captions):
    rows = read(captions)
    assert rows.caption == ["one", "two", "three"]
    assert rows.number.tolist() == [0, 0, 1]
    assert rows.label.tolist() == [0, 0, 1]
    assert [row["image"]["bytes"] for row in rows.image] == [square(0), square(0), square(1)]


def test_a_dict_with_one_text_is_one_caption():
    assert read([{"raw": "one"}, {"raw": "two"}]).caption == ["one", "two"]


def test_no_caption_in_a_list_is_a_missing_one():
    rows = read([["one", None, ""], [], None, ["two"]])
    assert rows.caption == ["one", None, "", None, None, "two"]
    assert rows.number.tolist() == [0, 0, 0, 1, 2, 3]


def test_captions_are_composed():
    assert read(["cafe\u0301", "\u1112\u1161\u11ab", None]).caption == ["caf\u00e9", "\ud55c", None]


@pytest.mark.parametrize(
    "captions",
    [[1, 2], [[1], [2]], [{"text": "a"}, {"text": "b"}], [1.5, 2.5], [True, False], [[{"id": 1}], [{"id": 2}]]],
)
def test_what_holds_no_text_is_told_in_one_line(captions):
    with pytest.raises(
        ValueError, match=r"^dataset\.columns\.caption: column caption does not hold captions.* in row 0 \(from 0\) of"
    ) as told:
        read(captions)
    assert "\n" not in str(told.value)


def test_an_image_of_several_captions_that_cannot_be_read_is_one_bad_row():
    rows = read([["one", "two"], ["three"]], [b"broken", square(1)])
    bad = BadRows(1)
    assert bad.without(rows, ["image does not decode", "image does not decode", None]).caption == ["three"]
    assert bad.skipped == [{"split": "train", "row": 0, "problem": "image does not decode"}]
    assert text_problems(read([["one", ""], ["three"]])) == [None, "caption is empty", None]


def test_several_captions_reach_the_model_with_their_image():
    captions = [[f"number {i} first", f"number {i} second"] for i in range(24)]
    rows = Dataset.from_dict(
        {
            "image": [{"bytes": square(i), "path": None} for i in range(24)],
            "label": [i % 2 for i in range(24)],
            "caption": captions,
        }
    )
    data = prepared(DatasetDict(train=rows.cast_column("image", datasets.Image())))
    held = sorted(int(image[0, 0, 0]) for split in data.splits.values() for image in split.image)
    assert held == sorted([*range(24), *range(24)])
    for split in data.splits.values():
        assert split.content.tolist() == [int(image[0, 0, 0]) % 2 for image in split.image]


@pytest.mark.parametrize(
    ("written", "captions"),
    [
        ('["a cat", "a \\"small\\" cat"]', ["a cat", 'a "small" cat']),
        ("['a cat', \"a cat's ear\"]", ["a cat", "a cat's ear"]),
        ("['a cat',\n 'cafe\u0301']", ["a cat", "caf\u00e9"]),
        ("['a cat']", ["a cat"]),
        ("[]", [None]),
        ("[a cat]", ["[a cat]"]),
        ("[1, 2]", ["[1, 2]"]),
        ("['a' + 'b']", ["['a' + 'b']"]),
        ("[__import__('os')]", ["[__import__('os')]"]),
        ("a cat ['a', 'b']", ["a cat ['a', 'b']"]),
        (r"['a\d']", [r"a\d"]),
        ("[" * 9999 + "]" * 9999, ["[" * 9999 + "]" * 9999]),
    ],
)
def test_a_list_written_as_text_is_several_captions(written, captions):
    assert read([written, "one"]).caption == [*captions, "one"]


@pytest.mark.parametrize("written", ["['a cat' 'a small cat']", "['a cat'\n 'a small cat' 'a']"])
def test_a_list_without_commas_is_told_in_one_line(written):
    with pytest.raises(
        ValueError, match=r"column caption holds a list without commas in row 1 \(from 0\) of the data, split train"
    ):
        read(["one", written])


def test_a_caption_of_nothing_that_is_shown_is_empty():
    assert text_problems(read(["\u200b", "one"])) == ["caption is empty", None]
