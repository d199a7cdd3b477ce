"""A picture that is replaced in place is seen, and a failure is not kept."""

import os
from pathlib import Path

import datasets
import numpy as np
import pytest
from datasets import Dataset, DatasetDict
from PIL import Image

from multimodal.dataset.reading.images import decode_images
from multimodal.dataset.reading.rows import Rows, read_rows
from multimodal.dataset.reading.sources import folder_of, read_path
from tests.helpers.datasets import COLUMNS, encoded, prepared

NUMBERS = range(24)
CAPTIONS = "a caption of {}"


def draw(file: Path, shade: int) -> None:
    """Write a picture, of equal size for every shade; over an older one with its date kept."""
    before = file.stat() if file.exists() else None
    image = np.full((8, 8), shade, np.uint8)
    image[0, 0] = 255 - shade
    file.write_bytes(encoded(Image.fromarray(image), "BMP"))
    if before is not None:
        assert file.stat().st_size == before.st_size
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def rewrite(file: Path, text: str) -> None:
    """Write a text over another with its date kept."""
    before = file.stat()
    file.write_text(text)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def lines(first: str) -> list[dict[str, str]]:
    """The rows of the data, whose pictures are named under `first`."""
    return [{first: f"{i}.bmp", "label": "ab"[i % 2], "caption": CAPTIONS.format(i)} for i in NUMBERS]


def parquet(folder: Path) -> Path:
    """A parquet file of paths."""
    Dataset.from_list(lines("image")).to_parquet(folder / "rows.parquet")
    return folder / "rows.parquet"


def json_lines(folder: Path) -> Path:
    """JSON lines of paths."""
    Dataset.from_list(lines("image")).to_json(folder / "rows.jsonl")
    return folder / "rows.jsonl"


def json_list(folder: Path) -> Path:
    """A JSON list of paths."""
    Dataset.from_list(lines("image")).to_json(folder / "rows.json", lines=False)
    return folder / "rows.json"


def comma_separated(folder: Path, name: str = "rows.csv", first: str = "image") -> Path:
    """A CSV file of paths."""
    rows = [",".join(row.values()) for row in lines(first)]
    (folder / name).write_text("\n".join([f"{first},label,caption", *rows]))
    return folder / name


def image_folder(folder: Path) -> Path:
    """Pictures with metadata.csv."""
    comma_separated(folder, "metadata.csv", "file_name")
    return folder


def saved(folder: Path) -> Path:
    """A `save_to_disk` folder of paths."""
    images = Dataset.from_list(lines("image")).map(lambda row: {"image": str(folder / row["image"])})
    images.save_to_disk(folder / "saved")  # as text: an image column would embed the files
    return folder / "saved"


LAYOUTS = [parquet, json_lines, json_list, comma_separated, image_folder, saved]


@pytest.fixture
def pictures(tmp_path):
    """A folder of pictures of the shades 0 to 23."""
    (tmp_path / "data").mkdir()
    for i in NUMBERS:
        draw(tmp_path / "data" / f"{i}.bmp", i)
    return tmp_path / "data"


def seen(path: Path) -> list[int]:
    """The shades of all rows, in their order, as read now."""
    rows, _ = read_rows(read_path(str(path)), COLUMNS, folder_of(str(path)))
    images, problems = decode_images(rows, 8, 1)["train"]
    assert problems == [None] * len(images)
    return images[:][:, 0, 4, 4].tolist()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_picture_that_is_overwritten_in_place_is_seen(pictures, layout):
    path = layout(pictures)
    assert seen(path) == list(NUMBERS)
    draw(pictures / "5.bmp", 200)
    assert seen(path) == [200 if i == 5 else i for i in NUMBERS]
    draw(pictures / "5.bmp", 5)
    assert seen(path) == list(NUMBERS)
    (pictures / "7.bmp").unlink()
    (pictures / "7.bmp").symlink_to(pictures / "8.bmp")
    assert seen(path) == [8 if i == 7 else i for i in NUMBERS]


@pytest.mark.parametrize("layout", [json_lines, json_list, comma_separated, image_folder])
def test_a_table_that_is_edited_in_place_is_seen(pictures, layout):
    path = layout(pictures)
    file = pictures / "metadata.csv" if path.is_dir() else path
    assert read_path(str(path))["train"]["caption"][5] == "a caption of 5"
    rewrite(file, file.read_text().replace("caption of 5", "caption of 8"))
    assert read_path(str(path))["train"]["caption"][5] == "a caption of 8"


def test_a_parquet_file_that_is_replaced_with_its_date_kept_is_seen(pictures):
    (pictures / "alone").mkdir()
    path = parquet(pictures / "alone")
    before = path.stat()
    assert read_path(str(path))["train"]["label"][5] == "b"
    Dataset.from_list(lines("image")).map(lambda row: {"label": "a"}).to_parquet(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert set(read_path(str(path))["train"]["label"]) == {"a"}
    assert set(read_path(str(path.parent))["train"]["label"]) == {"a"}


def test_embedded_pictures_of_a_saved_folder_that_is_written_anew_are_seen(tmp_path):
    for shade in (10, 20):
        images = [{"bytes": encoded(Image.new("L", (8, 8), shade + i)), "path": None} for i in range(2)]
        rows = Dataset.from_dict({"image": images, "label": [0, 1], "caption": ["a", "b"]})
        rows = rows.cast_column("image", datasets.Image())
        rows._fingerprint = "the same"
        rows.save_to_disk(tmp_path / "saved")
        assert seen(tmp_path / "saved") == [shade, shade + 1]


def test_from_the_wrong_folder_nothing_is_found_and_from_the_right_one_all_is(pictures, tmp_path, monkeypatch):
    rows = Dataset.from_list(lines("image")).cast_column("image", datasets.Image())
    source = DatasetDict(train=rows)  # no folder is known: the paths start from the working directory
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"24 bad rows(.|\n)*train row 1: there is no file 1\.bmp"):
        prepared(source)
    monkeypatch.chdir(pictures)
    data = prepared(source)
    assert sorted(int(image[0, 4, 4]) for split in data.splits.values() for image in split.image) == list(NUMBERS)


@pytest.mark.parametrize("layout", [parquet, json_lines, json_list, comma_separated, image_folder])
def test_relative_paths_start_from_the_folder_of_the_data(pictures, tmp_path, monkeypatch, layout):
    path = layout(pictures)
    monkeypatch.chdir(tmp_path)
    assert seen(path) == list(NUMBERS)
    data = prepared(None, source="path", path=str(path.relative_to(tmp_path)))
    assert sorted(int(image[0, 4, 4]) for split in data.splits.values() for image in split.image) == list(NUMBERS)


def test_a_failure_whose_cause_is_gone_is_not_kept(pictures, monkeypatch):
    """The same content fails once, as it does for want of memory."""
    path = image_folder(pictures)
    failing = [True]
    real = Image.open

    def opened(file, *arguments, **settings):
        if failing and str(file).endswith("/5.bmp"):
            raise OSError("too many open files")
        return real(file, *arguments, **settings)

    monkeypatch.setattr(Image, "open", opened)
    rows, _ = read_rows(read_path(str(path)), COLUMNS)
    assert [i for i, problem in enumerate(decode_images(rows, 8, 1)["train"][1]) if problem] == [5]
    failing.clear()
    assert seen(path) == list(NUMBERS)


def test_a_picture_of_five_captions_is_read_and_decoded_once(pictures, monkeypatch):
    rows, _ = read_rows(read_path(str(image_folder(pictures))), COLUMNS)
    five = {"train": rows["train"].take(np.repeat(np.arange(24), 5))}
    opened = []
    real = Image.open
    monkeypatch.setattr(Image, "open", lambda file, *rest, **more: opened.append(file) or real(file, *rest, **more))
    images, _ = decode_images(five, 8, 1)["train"]
    assert images[:][:, 0, 4, 4].tolist() == [i for i in NUMBERS for _ in range(5)]
    assert len(opened) == 24


def test_missing_images_differ_by_their_path():
    images = Dataset.from_dict({"image": [{"bytes": None, "path": f"/nowhere/{i}.png"} for i in range(2)]})
    images = images.cast_column("image", datasets.Image(decode=False))
    rows = Rows("train", np.arange(2), images, np.arange(2), ["a", "b"])
    assert decode_images({"train": rows}, 8, 1)["train"][1] == [f"there is no file /nowhere/{i}.png" for i in range(2)]
