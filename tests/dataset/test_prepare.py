import io
from dataclasses import replace

import datasets
import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict
from PIL import Image

from multimodal.dataset.prepare import decode_one, fingerprint, prepare_data, split_rows, stratified
from multimodal.dataset.vocabulary import Vocabulary
from multimodal.types import UNK

CLASSES = ["bird", "cat", "dog"]
SETTINGS = {
    "name": "toy",
    "source": "embedded",
    "path": None,
    "hub": "nobody/nothing",
    "columns": {"image": "image", "label": "label", "caption": "caption"},
    "image_size": 8,
    "channels": 1,
    "max_words": 4,
    "validation": 0.25,
    "test": 0.25,
    "limit": None,
    "seed": 0,
    "vocabulary": None,
}
LABELS = {
    "ClassLabel": lambda i: CLASSES[i % 3],
    "string": lambda i: CLASSES[i % 3],
    "int": lambda i: 10 * (i % 3) + 5,
}


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    """What `datasets` keeps goes into the test's own folder."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))


def samples(numbers, label="ClassLabel", names=("image", "label", "caption")) -> Dataset:
    """Samples whose pixels and caption are their number, and whose class is its remainder."""
    image, target, caption = names
    columns = {
        image: [Image.fromarray(np.full((8, 8), i, dtype=np.uint8)) for i in numbers],
        target: [LABELS[label](i) for i in numbers],
        caption: [f"word{i} of them" for i in numbers],
    }
    rows = Dataset.from_dict(columns).cast_column(image, datasets.Image())
    return rows.cast_column(target, ClassLabel(names=CLASSES)) if label == "ClassLabel" else rows


def prepared(rows, **changed):
    """`prepare_data` of these splits."""
    return prepare_data(**(SETTINGS | {"embedded": lambda: rows} | changed))


def numbers(split) -> list[int]:
    """Which samples a split holds, by their pixels."""
    return split.image[:, 0, 0, 0].tolist()


def test_pixels_caption_and_label_of_a_sample_stay_together():
    data = prepared(DatasetDict(train=samples(range(48))))
    assert data.class_names == CLASSES
    for split in data.splits.values():
        assert split.image.shape[1:] == (1, 8, 8)
        assert split.image.dtype == torch.uint8
        assert split.label.tolist() == split.content.tolist() == [i % 3 for i in numbers(split)]
    train = data.splits["train"]
    assert data.vocabulary.decode(train.tokens) == [f"word{i} of them" for i in numbers(train)]
    assert (data.name, data.source) == ("toy", "embedded")


@pytest.mark.parametrize("seed", [0, 1])
def test_no_sample_is_lost_or_in_two_splits_and_each_has_its_share_of_every_class(seed):
    data = prepared(DatasetDict(train=samples(range(48))), seed=seed)
    held = {name: numbers(split) for name, split in data.splits.items()}
    assert sorted(i for part in held.values() for i in part) == list(range(48))
    # 48 -> 12 test, then a quarter of the 36 that are left
    assert {name: np.bincount(np.array(part) % 3).tolist() for name, part in held.items()} == {
        "train": [9, 9, 9],
        "validation": [3, 3, 3],
        "test": [4, 4, 4],
    }


def test_the_seed_alone_decides_the_splits():
    rows = DatasetDict(train=samples(range(48)))
    first, again, other = (split_rows(rows, 0.25, 0.25, None, seed) for seed in (0, 0, 1))
    for name in ("train", "validation", "test"):
        assert first[name]["caption"][:] == again[name]["caption"][:] != other[name]["caption"][:]


def test_the_sources_own_test_split_is_kept_whole():
    data = prepared(DatasetDict(train=samples(range(24)), test=samples(range(100, 107))))
    assert numbers(data.splits["test"]) == list(range(100, 107))
    assert sorted(numbers(data.splits["train"]) + numbers(data.splits["validation"])) == list(range(24))


def test_a_limit_keeps_that_many_and_a_quarter_for_the_test():
    rows = DatasetDict(train=samples(range(120)), test=samples(range(120, 150)))
    data = prepared(rows, limit=40)
    assert {name: len(split) for name, split in data.splits.items()} == {
        "train": 30,
        "validation": 10,
        "test": 10,
    }
    assert min(numbers(data.splits["test"])) >= 120
    assert numbers(prepared(rows, limit=40).splits["train"]) == numbers(data.splits["train"])
    assert len(prepared(rows, limit=10**6).splits["test"]) == 30


def test_a_class_too_small_to_split_is_a_clear_error():
    with pytest.raises(ValueError, match=r"cannot hold out 0\.25 of 4 samples by class"):
        stratified(samples([0, 3, 6, 1]), 0.25, 0)


@pytest.mark.parametrize("label", LABELS)
def test_labels_of_any_kind_become_numbers_of_sorted_classes(label):
    rows = DatasetDict(train=samples(range(24), label), test=samples(range(24, 36), label))
    data = prepared(rows)
    assert data.class_names == (["5", "15", "25"] if label == "int" else CLASSES)
    for split in data.splits.values():
        assert split.label.dtype == torch.int64
        assert split.label.tolist() == [i % 3 for i in numbers(split)]


@pytest.mark.parametrize("label", ["string", "int"])
def test_a_class_that_only_the_test_split_has_is_named(label):
    rows = DatasetDict(train=samples([0, 1] * 6, label), test=samples([0, 3, 1], label))
    rows["test"] = rows["test"].map(
        lambda row: {"label": "fish" if label == "string" else 99}, features=rows["test"].features
    )
    with pytest.raises(ValueError, match=r"(fish|99).*train"):
        prepared(rows)


def test_columns_may_have_any_names():
    names = ("picture", "kind", "text")
    rows = samples(range(24), "string", names).add_column("caption", ["not this one"] * 24)
    data = prepared(DatasetDict(train=rows), columns=dict(zip(("image", "label", "caption"), names, strict=True)))
    assert data.vocabulary.decode(data.splits["test"].tokens)[0].endswith("of them")
    assert "not" not in data.vocabulary.words


def test_columns_may_have_each_others_names():
    rows = samples(range(24), "string", ("image", "caption", "label"))
    data = prepared(DatasetDict(train=rows), columns={"image": "image", "label": "caption", "caption": "label"})
    assert data.class_names == CLASSES


def test_an_unknown_column_names_those_there_are():
    rows = DatasetDict(train=samples(range(6), names=("image", "label", "text")))
    with pytest.raises(ValueError, match=r"no column caption among .*text.*dataset\.columns"):
        prepared(rows)


def test_data_without_a_train_split_names_those_there_are():
    with pytest.raises(ValueError, match="no train split among test"):
        prepared(DatasetDict(test=samples(range(6))))


def test_the_vocabulary_knows_the_training_captions_only():
    data = prepared(DatasetDict(train=samples(range(48))))
    train = {f"word{i}" for i in numbers(data.splits["train"])}
    assert {word for word in data.vocabulary.words if word.startswith("word")} == train
    for name in ("validation", "test"):
        assert (data.splits[name].tokens[:, 1] == UNK).all()
        assert (data.splits[name].tokens[:, 2] == data.vocabulary.numbers["of"]).all()


def test_a_checkpoints_vocabulary_is_used_as_it_is():
    kept = Vocabulary(["<pad>", "<unk>", "<bos>", "<eos>", "them", "of"])
    data = prepared(DatasetDict(train=samples(range(24))), vocabulary=kept)
    assert data.vocabulary is kept
    assert data.splits["train"].tokens[0].tolist() == [2, UNK, 5, 4, 3]


def test_a_long_caption_is_cut():
    data = prepared(DatasetDict(train=samples(range(24))), max_words=2)
    assert data.facts()["max_length"] == 4
    assert all(caption.endswith(" of") for caption in data.vocabulary.decode(data.splits["train"].tokens))


def test_data_from_a_folder_is_the_same_data(tmp_path):
    rows = DatasetDict(train=samples(range(24)), test=samples(range(24, 30)))
    rows.save_to_disk(tmp_path / "saved")
    (tmp_path / "parquet").mkdir()
    for name, split in rows.items():
        split.to_parquet(tmp_path / "parquet" / f"{name}.parquet")
    for folder in ("saved", "parquet"):
        data = prepared(None, source="path", path=str(tmp_path / folder))
        assert data.source == "path"
        assert data.fingerprint == prepared(rows).fingerprint


@pytest.mark.parametrize("array", ["image", "tokens", "label", "content"])
def test_the_fingerprint_changes_with_any_array(array):
    splits = prepared(DatasetDict(train=samples(range(24)))).splits
    before = fingerprint(splits)
    assert before == fingerprint(dict(reversed(splits.items())))
    for name in splits:
        changed = getattr(splits[name], array).clone()
        changed.view(-1)[-1] += 1
        assert fingerprint(splits | {name: replace(splits[name], **{array: changed})}) != before


def drawing(mode: str, size: int) -> Image.Image:
    """A smooth colourful image."""
    y, x = np.mgrid[:size, :size] / size
    colours = np.stack([np.sin(3 * x) ** 2, y, (x + y) / 2], axis=-1)
    return Image.fromarray((255 * colours).astype(np.uint8)).convert(mode)


def encoded(image: Image.Image, form: str) -> bytes:
    """The file's content."""
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def decoded(content: bytes, size: int, channels: int) -> torch.Tensor:
    """(C, H, W) as the package decodes it."""
    flat = np.frombuffer(decode_one({"bytes": content, "path": None}, size, "L" if channels == 1 else "RGB"), np.uint8)
    return torch.tensor(flat).view(channels, size, size).float()


def resized(image: Image.Image, size: int, channels: int) -> torch.Tensor:
    """(C, H, W): the pixels themselves, grey by the luma of ITU-R 601, resized by torch."""
    pixels = torch.tensor(np.array(image.convert("RGB"))).permute(2, 0, 1).float()
    if channels == 1:
        pixels = torch.einsum("chw,c->hw", pixels, torch.tensor([0.299, 0.587, 0.114]))[None]
    return torch.nn.functional.interpolate(pixels[None], (size, size), mode="bilinear", antialias=True)[0]


@pytest.mark.parametrize("size", [24, 12, 40], ids=["as-is", "smaller", "larger"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("form", "mode"), [("PNG", "L"), ("PNG", "RGB"), ("PNG", "P"), ("JPEG", "L"), ("JPEG", "RGB")])
def test_images_decode_to_their_pixels_at_the_size_asked_for(form, mode, channels, size):
    image = drawing(mode, 24)
    difference = (decoded(encoded(image, form), size, channels) - resized(image, size, channels)).abs()
    assert difference.mean() <= (0.6 if form == "PNG" else 3)  # levels of 256; JPEG loses some itself
    if form == "PNG":
        assert difference.max() <= 2


def test_a_wide_image_becomes_square():
    image = drawing("RGB", 24).crop((0, 0, 24, 10))
    assert (decoded(encoded(image, "PNG"), 8, 3) - resized(image, 8, 3)).abs().max() <= 2


def test_an_image_that_is_a_path_is_read_from_there(tmp_path):
    drawing("RGB", 8).save(tmp_path / "a.png")
    read = decode_one({"bytes": None, "path": str(tmp_path / "a.png")}, 8, "RGB")
    content = (tmp_path / "a.png").read_bytes()
    assert read == decode_one({"bytes": content, "path": None}, 8, "RGB")
