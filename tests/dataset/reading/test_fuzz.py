"""Whatever the bytes of a file are, they are read or told in one line: no traceback of a library."""

import csv
import io
import json
import warnings
from collections.abc import Callable
from functools import partial
from unicodedata import normalize

import numpy as np
import pytest
from datasets import DatasetDict
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from multimodal.dataset.reading.captions import read_captions, written_list
from multimodal.dataset.reading.decoding import decode_one
from multimodal.dataset.reading.rows import read_rows
from multimodal.dataset.reading.sources import read_path
from multimodal.dataset.reading.tables import read_tables
from tests.helpers.datasets import COLUMNS, encoded, square, table
from tests.helpers.fuzz import search

SHORT = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

SHADES = np.arange(256).reshape(16, 16)
FILES = [
    encoded(Image.fromarray(SHADES.astype(kind)), form)
    for kind, form in (("u1", "PNG"), ("u1", "JPEG"), ("u1", "GIF"), ("u1", "BMP"), ("u1", "WEBP"), ("u2", "PNG"))
]
FILES += [encoded(Image.fromarray(SHADES.astype(kind)), "TIFF") for kind in ("u1", "i4", "f4")]
FILES += [encoded(Image.fromarray(SHADES.astype("u1")).convert(mode), "TIFF") for mode in ("1", "P", "LA", "CMYK")]


@st.composite
def damaged(draw) -> bytes:
    """An image file with some bytes changed, and perhaps cut, or any bytes."""
    content = bytearray(draw(st.sampled_from([*FILES, b""])))
    for _ in range(draw(st.integers(0, 6))):
        if content:
            content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.integers(0, len(content)))]) if draw(st.booleans()) else bytes(content)


def check_image(content: bytes) -> None:
    """An image has pixels or a problem in one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, of what is odd about a file
        for channels in (1, 3):
            decoded = decode_one({"bytes": content, "path": None}, 8, channels)
            assert len(decoded.pixels) == channels * 64
            assert decoded.problem is None or "\n" not in decoded.problem
            if decoded.values is not None:
                values = np.frombuffer(decoded.values, np.float32)
                assert values.shape == (channels * 64,)
                assert np.isfinite(values).all()
                assert decoded.low <= decoded.high


def refusal(read: Callable[[], object]) -> str | None:
    """Return the message of a ValueError, None if there is none; any other exception is a fault."""
    try:
        read()
    except ValueError as error:
        return str(error)
    return None


TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
ROWS = st.lists(st.lists(TEXTS, min_size=3, max_size=3), min_size=1, max_size=6)


def check_rows(folder, rows: list[list[str]]) -> None:
    """A table that Python's own writer wrote comes back as it was, empty cells as missing."""
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["image", "label", "caption"], *rows])
    (folder / "rows.csv").write_bytes(file.getvalue().encode())
    read = read_tables([folder / "rows.csv"])
    wanted = [{name: cell or None for name, cell in zip(COLUMNS, row, strict=True)} for row in rows]
    assert list(read) == wanted
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, wanted)), encoding="utf-8")
    assert list(read_tables([folder / "rows.jsonl"])) == wanted


def check_file(folder, name: str, content: bytes) -> None:
    """A file of any content is read, or refused in one line that names the setting."""
    (folder / name).write_bytes(content)
    said = refusal(lambda: read_rows(read_path(str(folder / name)), COLUMNS, folder))
    assert said is None or "dataset." in said
    assert said is None or "\n" not in said


LINES = [b"file_name,image,label,caption", b"0.png,0.png,cat,a", b"0.png,0.png,1,b", b'{"image":"0.png","label":[1]}']
LINES += [b'{"file_name":"0.png","image":"0.png","label":1,"caption":"a"}', b'{"image":{"a":1},"label":2,"caption":{}}']
CONTENTS = st.one_of(
    st.binary(max_size=60),
    st.lists(st.one_of(st.sampled_from(LINES), st.binary(max_size=8)), max_size=5).map(b"\n".join),
    st.lists(st.recursive(st.none() | st.booleans() | st.floats() | TEXTS, st.lists, max_leaves=3), max_size=4).map(
        lambda values: json.dumps([{"image": "0.png", "label": v, "caption": v} for v in values]).encode()
    ),
)
NAMES = st.sampled_from(["metadata.csv", "metadata.jsonl", "rows.csv", "rows.tsv", "rows.json", "rows.jsonl"])
LABELS = st.one_of(
    st.lists(kind, min_size=2, max_size=6)
    for kind in (st.none() | st.floats(), st.none() | st.integers(-9, 9), st.none() | TEXTS, st.none() | st.booleans())
)


def check_labels(labels: list) -> None:
    """Labels are classes that are the labels' own text, or refused in one line."""
    count = len(labels)
    split = DatasetDict(train=table([square(0)] * count, labels, ["a"] * count))
    said = refusal(lambda: read_rows(split, COLUMNS))
    if said is not None:
        assert said.startswith("dataset.columns.label: ")
        return
    rows, classes = read_rows(split, COLUMNS)
    assert len(set(classes)) == len(classes) >= 2
    for value, number in zip(labels, rows["train"].label, strict=True):
        if isinstance(value, int) and number >= 0:
            assert classes[number] == str(value)


WRITTEN = st.lists(
    st.one_of(
        TEXTS, st.lists(TEXTS, max_size=3).flatmap(lambda texts: st.sampled_from([repr(texts), json.dumps(texts)]))
    )
    | st.text(alphabet="[]'\",ab \\\n(){}:1#", max_size=12).map(lambda text: f"[{text}]"),
    min_size=1,
    max_size=4,
)


def check_captions(texts: list[str]) -> None:
    """Texts are captions, lists written as text several; a list without commas is refused in one line."""
    split = table([square(0)] * len(texts), [0] * len(texts), texts)
    said = refusal(lambda: read_captions(split, "caption", "the data"))
    if said is not None:
        assert "holds a list without commas in row" in said
        return
    for text, captions in zip(texts, read_captions(split, "caption", "the data"), strict=True):
        assert len(captions) >= 1
        if not text.startswith("["):
            assert captions == [normalize("NFC", text)]
        for written in (repr(captions), json.dumps(captions)):
            if captions != [None]:
                assert written_list(written) == captions


@SHORT
@given(damaged())
@example(b"II*\x00\x08\x00\x00\x00")
def test_image_bytes(content):
    check_image(content)


@SHORT
@given(LABELS)
def test_labels(values):
    check_labels(values)


@pytest.fixture
def folder(tmp_path):
    """A folder with a picture."""
    (tmp_path / "0.png").write_bytes(square(0))
    return tmp_path


@SHORT
@given(rows=ROWS)
def test_rows(folder, rows):
    check_rows(folder, rows)


@SHORT
@given(name=NAMES, content=CONTENTS)
def test_files(folder, name, content):
    check_file(folder, name, content)


@SHORT
@given(WRITTEN)
def test_captions(texts):
    check_captions(texts)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [60])
@pytest.mark.parametrize("kind", ["images", "labels", "rows", "files", "captions"])
def test_for_a_time(folder, kind, seconds):
    kinds = {
        "images": (check_image, damaged()),
        "labels": (check_labels, LABELS),
        "rows": (partial(check_rows, folder), ROWS),
        "files": (partial(check_file, folder), NAMES, CONTENTS),
        "captions": (check_captions, WRITTEN),
    }
    assert search(seconds, *kinds[kind]) > 0
