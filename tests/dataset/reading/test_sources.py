import csv
import gc
import json
import logging
import socket
import time
import warnings

import datasets
import huggingface_hub
import numpy as np
import pytest
from datasets import Dataset, DatasetDict
from PIL import Image

from multimodal.dataset.reading import sources
from multimodal.dataset.reading.sources import read_path, read_source, revision_of

HUB = "nobody/nothing"
SIZES = {"train": 6, "test": 3}


def picture(i: int) -> Image.Image:
    """An image that no other number has."""
    return Image.fromarray(np.full((4, 4), 10 * i, dtype=np.uint8))


def rows(split: str) -> list[dict]:
    """Samples of a split, the two splits without one in common."""
    first = 0 if split == "train" else SIZES["train"]
    return [
        {"image": picture(i), "label": "cat" if i % 2 else "dog", "caption": f"caption {i}"}
        for i in range(first, first + SIZES[split])
    ]


def as_dataset(split: str) -> Dataset:
    """The split with an image column."""
    columns = {name: [row[name] for row in rows(split)] for name in ("image", "label", "caption")}
    return Dataset.from_dict(columns).cast_column("image", datasets.Image())


def write_saved(folder, splits):
    """A `save_to_disk` folder of all splits, or of the single one by itself."""
    if len(splits) == 1:
        as_dataset("train").save_to_disk(folder)
    else:
        DatasetDict({split: as_dataset(split) for split in splits}).save_to_disk(folder)


def write_parquet(folder, splits):
    """A folder of parquet files named after their splits, as on the hub."""
    folder.mkdir()
    for split in splits:
        as_dataset(split).to_parquet(folder / f"{split}-00000-of-00001.parquet")


def write_images(folder, splits, table):
    """An image folder: PNG files and a table of the rest in each split's folder."""
    for split in splits:
        place = folder / split if len(splits) > 1 else folder
        place.mkdir(parents=True)
        lines = []
        for i, row in enumerate(rows(split)):
            row["image"].save(place / f"{i}.png")
            lines.append({"file_name": f"{i}.png", "label": row["label"], "caption": row["caption"]})
        table(place, lines)


def jsonl(place, lines):
    """metadata.jsonl"""
    (place / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))


def comma_separated(place, lines):
    """metadata.csv"""
    with (place / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(lines)


WRITERS = {
    "save_to_disk": write_saved,
    "parquet": write_parquet,
    "jsonl": lambda folder, splits: write_images(folder, splits, jsonl),
    "csv": lambda folder, splits: write_images(folder, splits, comma_separated),
}


def check(data: DatasetDict, splits: tuple[str, ...]) -> None:
    """The splits have the rows that were written, pixels included."""
    assert set(data) == set(splits)
    for split in splits:
        read = sorted(data[split], key=lambda row: row["caption"])
        assert [(r["caption"], r["label"]) for r in read] == [(r["caption"], r["label"]) for r in rows(split)]
        for ours, theirs in zip(read, rows(split), strict=True):
            assert np.array_equal(np.array(ours["image"].convert("L")), np.array(theirs["image"]))


def add_table(folder):
    """A table beside the one that is read."""
    (folder / "other").mkdir()
    comma_separated(folder / "other", [{"file_name": "0.png", "label": "cat", "caption": "a"}])


def add_parquet(folder):
    as_dataset("test").to_parquet(folder / "more.parquet")


@pytest.mark.parametrize(("add", "named"), [(add_table, "other/metadata.csv"), (add_parquet, "more.parquet")])
def test_files_of_data_that_are_not_read_are_named(tmp_path, caplog, add, named):
    folder = tmp_path / "data"
    write_images(folder, ("train",), comma_separated)
    read_path(str(folder))
    assert "not read" not in caplog.text
    add(folder)
    check(read_path(str(folder)), ("train",))
    assert f"not read: {named}" in caplog.text


def test_a_split_of_pictures_without_a_table_is_named(tmp_path, caplog):
    write_images(tmp_path, ("train", "test"), comma_separated)
    (tmp_path / "test" / "metadata.csv").unlink()
    check(read_path(str(tmp_path)), ("train",))
    assert "not read: the pictures of split test, which have no table" in caplog.text


@pytest.mark.parametrize("splits", [("train", "test"), ("train",)], ids=["test-split", "no-test-split"])
@pytest.mark.parametrize("layout", WRITERS)
def test_each_layout_of_a_folder_is_read(tmp_path, layout, splits):
    WRITERS[layout](tmp_path / "data", splits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # `datasets` leaves metadata.csv open
        check(read_path(str(tmp_path / "data")), splits)
        gc.collect()


def test_a_parquet_file_is_a_training_split(tmp_path):
    as_dataset("train").to_parquet(tmp_path / "mine.parquet")
    check(read_path(str(tmp_path / "mine.parquet")), ("train",))


@pytest.mark.parametrize("source", ["auto", "path"])
def test_a_path_is_taken_before_the_hub(tmp_path, monkeypatch, source):
    write_saved(tmp_path / "data", ("train",))
    monkeypatch.setattr(sources, "read_hub", pytest.fail)
    data, came_from, revision = read_source(source, str(tmp_path / "data"), HUB, pytest.fail)
    assert (came_from, revision) == ("path", None)
    assert len(data["train"]) == SIZES["train"]


def test_an_unknown_source_names_those_there_are():
    with pytest.raises(ValueError, match="one of auto, path, hub, embedded, got 'kaggle'"):
        read_source("kaggle", None, HUB, pytest.fail)


def test_the_source_path_without_a_path_asks_for_one():
    with pytest.raises(ValueError, match=r"needs dataset\.path"):
        read_source("path", None, HUB, pytest.fail)


@pytest.mark.parametrize("source", ["auto", "path"])
def test_a_path_that_is_not_there_is_named(tmp_path, source):
    with pytest.raises(ValueError, match=r"there is no .*nowhere"):
        read_source(source, str(tmp_path / "nowhere"), HUB, pytest.fail)


def test_a_folder_of_something_else_says_what_is_wanted(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "notes.xyz").write_text("nothing here")
    with pytest.raises(ValueError, match=r"save_to_disk folder, parquet, or an image folder with metadata\.csv"):
        read_path(str(tmp_path / "data"))


@pytest.mark.parametrize("folder", ["train", "train/cat"])
def test_pictures_alone_are_told_how_they_get_captions(tmp_path, folder):
    (tmp_path / folder).mkdir(parents=True)
    for i in range(4):
        Image.new("L", (8, 8), i).save(tmp_path / folder / f"{i}.png")
    with pytest.raises(ValueError, match=r"has pictures and no table of their captions; put a metadata\.csv"):
        read_path(str(tmp_path))


def test_a_parquet_file_among_more_pictures_is_told_and_read_by_its_own_path(tmp_path):
    """`datasets` reads the kind of which there are more files, and would leave the parquet file out."""
    write_parquet(tmp_path / "data", ["train"])
    file = tmp_path / "data" / "train-00000-of-00001.parquet"
    for i in range(3):
        picture(i).save(tmp_path / "data" / f"train-{i}.png")
    with pytest.raises(
        ValueError, match=r"more pictures than parquet files, and .*; take the pictures out.* or give"
    ) as told:
        read_path(str(tmp_path / "data"))
    assert str(told.value).endswith(f"dataset.path={file}")
    assert read_path(str(file))["train"].column_names == ["image", "label", "caption"]


@pytest.mark.parametrize("name", ["broken.parquet", "notes.xyz", "data/train.parquet"])
def test_a_file_that_cannot_be_read_says_what_is_wanted(tmp_path, name):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("not parquet")
    given = file.parent if file.parent != tmp_path else file
    with pytest.raises(ValueError, match=r"is not a save_to_disk folder, parquet, or an image folder"):
        read_path(str(given))


def test_the_embedded_set_asks_nobody(monkeypatch):
    monkeypatch.setattr(sources, "answers", pytest.fail)
    assert read_source("embedded", None, HUB, lambda: "made") == ("made", "embedded", None)


@pytest.fixture
def online(monkeypatch):
    """Switches the libraries' offline mode off, and counts on it to come back to that."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)


@pytest.fixture
def endpoint(request, online, monkeypatch):
    """The hub's address: `closed`, nobody there, or `stalled`, accepts and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if request.param == "stalled":
            server.listen()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", url)
        monkeypatch.setattr(datasets.config, "HF_ENDPOINT", url)
        yield request.param


@pytest.mark.parametrize("endpoint", ["closed", "stalled"], indirect=True)
def test_a_hub_out_of_reach_is_an_error_in_time_that_names_the_other_sources(endpoint):
    began = time.perf_counter()
    with pytest.raises(ValueError, match=r"nobody/nothing .*source=path dataset\.path=.*source=embedded"):
        read_source("hub", None, HUB, pytest.fail)
    assert time.perf_counter() - began < 10
    assert not huggingface_hub.constants.HF_HUB_OFFLINE  # as it was
    assert not datasets.config.HF_HUB_OFFLINE


@pytest.mark.parametrize("endpoint", ["closed", "stalled"], indirect=True)
def test_auto_falls_back_to_the_embedded_set_and_says_so(endpoint, caplog, monkeypatch):
    monkeypatch.setattr(sources, "PROBE_SECONDS", 0.3)
    with caplog.at_level(logging.WARNING, logger="multimodal"):
        assert read_source("auto", None, HUB, lambda: "made") == ("made", "embedded", None)
    ours = [record.getMessage() for record in caplog.records if record.name == sources.__name__]
    assert len(ours) == 1
    assert "nobody/nothing" in ours[0]
    assert "EMBEDDED" in ours[0]


@pytest.mark.parametrize("reached", [True, False])
@pytest.mark.parametrize("source", ["auto", "hub"])
def test_the_hub_or_its_cache_is_used_where_it_has_the_data(online, tmp_path, monkeypatch, source, reached):
    offline = []
    commit = "0123456789abcdef0123456789abcdef01234567"  # `datasets` names the folder in its cache by it
    as_dataset("train").save_to_disk(tmp_path / commit)
    data = DatasetDict(train=datasets.load_from_disk(tmp_path / commit))

    def load(repository):
        offline.append((huggingface_hub.constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE))
        return data

    monkeypatch.setattr(sources, "answers", lambda url, timeout: reached)
    monkeypatch.setattr(datasets, "load_dataset", load)
    assert read_source(source, None, HUB, pytest.fail) == (data, "hub", commit)
    assert offline == [(not reached, not reached)]


def test_data_that_was_not_downloaded_has_no_revision(tmp_path):
    as_dataset("train").save_to_disk(tmp_path / "abc")
    assert revision_of(DatasetDict(train=datasets.load_from_disk(tmp_path / "abc"))) is None
    assert revision_of(DatasetDict(train=as_dataset("train"))) is None


def test_a_user_who_asked_for_offline_is_not_sent_online(monkeypatch):
    monkeypatch.setattr(sources, "answers", pytest.fail)
    with pytest.raises(ValueError, match="not in the cache"):
        read_source("hub", None, HUB, pytest.fail)


@pytest.mark.parametrize(
    ("source", "hub_id", "message"),
    [("hub", None, "needs dataset.hub_id"), ("auto", None, "no embedded set"), ("embedded", HUB, "no embedded set")],
)
def test_a_dataset_without_hub_or_embedded_set_says_what_to_give(source, hub_id, message):
    with pytest.raises(ValueError, match=message):
        read_source(source, None, hub_id, None)


def test_without_a_hub_the_embedded_set_is_taken_and_nothing_is_asked(monkeypatch):
    monkeypatch.setattr(sources, "read_hub", pytest.fail)
    assert read_source("auto", None, None, lambda: "made") == ("made", "embedded", None)
