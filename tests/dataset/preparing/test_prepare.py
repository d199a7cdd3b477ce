import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from datasets import DatasetDict
from PIL import Image

from multimodal.dataset.preparing.prepare import fingerprint
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.dataset.reading.rows import read_rows
from multimodal.task.noisy import NoisyTask
from multimodal.task.synergy import SynergyTask
from multimodal.types import UNK
from tests.helpers.datasets import CLASSES, COLUMNS, encoded, numbers, prepared, samples, square, table


def test_pixels_caption_and_label_of_a_sample_stay_together():
    data = prepared(DatasetDict(train=samples(range(48))))
    assert data.class_names == CLASSES
    for split in data.splits.values():
        assert split.image.shape[1:] == (1, 8, 8)
        assert split.image[:1].dtype == torch.uint8
        assert split.label.tolist() == split.content.tolist() == [i % 3 for i in numbers(split)]
    train = data.splits["train"]
    assert data.vocabulary.decode(train.tokens) == [f"word{i} of them" for i in numbers(train)]
    assert (data.name, data.source, data.names_class) == ("toy", "embedded", True)


def test_no_sample_is_lost_or_in_two_splits():
    data = prepared(DatasetDict(train=samples(range(48))))
    assert sorted(i for split in data.splits.values() for i in numbers(split)) == list(range(48))


def test_a_split_that_nobody_reads_may_be_anything():
    rows = DatasetDict(train=samples(range(24)), test=samples(range(24, 30)))
    extra = rows | {"unsupervised": rows["train"].remove_columns("label"), "old": table([None], [0], [None])}
    assert prepared(DatasetDict(extra)).fingerprint == prepared(rows).fingerprint


def test_the_vocabulary_knows_the_training_captions_only():
    data = prepared(DatasetDict(train=samples(range(48))))
    train = {f"word{i}" for i in numbers(data.splits["train"])}
    assert {word for word in data.vocabulary.words if word.startswith("word")} == train
    for name in ("validation", "test"):
        assert (data.splits[name].tokens[:, 1] == UNK).all()
        assert (data.splits[name].tokens[:, 2] == data.vocabulary.numbers["of"]).all()
        assert data.card["captions"][name]["unknown_words"] == pytest.approx(1 / 3)
    assert data.card["captions"]["train"]["unknown_words"] == 0


def test_a_checkpoints_vocabulary_is_used_as_it_is():
    kept = Vocabulary(["<pad>", "<unk>", "<bos>", "<eos>", "them", "of"])
    data = prepared(DatasetDict(train=samples(range(24))), vocabulary=kept)
    assert data.vocabulary is kept
    assert data.splits["train"].tokens[0].tolist() == [2, UNK, 5, 4, 3]


def test_a_long_caption_is_cut():
    data = prepared(DatasetDict(train=samples(range(24))), max_words=2)
    assert data.sizes()["max_length"] == 4
    assert all(caption.endswith(" of") for caption in data.vocabulary.decode(data.splits["train"].tokens))


def with_captions(captions: dict[int, str]) -> DatasetDict:
    """Eight training samples of each class and three test samples, some with these captions by their numbers."""
    texts = [captions.get(i, "a plain one") for i in range(27)]
    parts = {"train": range(24), "test": range(24, 27)}
    return DatasetDict(
        {
            name: table([square(i) for i in part], [i % 3 for i in part], [texts[i] for i in part])
            for name, part in parts.items()
        }
    )


def test_a_caption_of_5000_words_is_cut_and_its_share_told():
    data = prepared(with_captions({25: "tall " * 5000}))
    assert data.card["captions"]["test"]["cut"] == pytest.approx(1 / 3)
    assert data.card["captions"]["train"]["cut"] == 0
    assert data.card["captions"]["test"]["words"][5000] == 1
    assert data.splits["test"].tokens.shape == (3, 6)  # <bos>, four words, <eos>
    assert numbers(data.splits["test"]) == [24, 25, 26]


@pytest.mark.parametrize("caption", ["a 🐱🐾 cat", "خط عريض", "שלום a two", "数字 7 naïve", "👩‍🚀"])
def test_emoji_and_right_to_left_captions_come_back(caption):
    data = prepared(with_captions(dict.fromkeys((4, 7, 10, 13, 16, 26), caption)))
    told = data.vocabulary.decode(data.splits["test"].tokens)
    assert [text.replace(" ", "") for text in told] == ["aplainone"] * 2 + [caption.replace(" ", "")]
    assert UNK not in data.splits["test"].tokens
    assert data.card["bad_rows"] == []


def test_unknown_words_become_unk():
    data = prepared(with_captions({25: "a purple one"}))
    assert data.vocabulary.decode(data.splits["test"].tokens)[1] == "a <unk> one"


def test_the_task_says_captions_and_labels_uncut_and_the_images_keep_their_class():
    data = prepared(DatasetDict(train=samples(range(48))), task=SynergyTask(2, 0))
    assert not data.names_class
    for split in data.splits.values():
        assert split.content.tolist() == [i % 3 for i in numbers(split)]
        assert (split.label != split.content).any()
        shift = [["zero", "one", "two"].index(words[-1]) for words in data.vocabulary.words_of(split.tokens)]
        assert split.label.tolist() == [(i + k) % 3 for i, k in zip(numbers(split), shift, strict=True)]
    assert not any(word.startswith("word") for word in data.vocabulary.words)


def test_data_from_a_folder_is_the_same_data(tmp_path):
    rows = DatasetDict(train=samples(range(24)), test=samples(range(24, 30)))
    rows.save_to_disk(tmp_path / "saved")
    (tmp_path / "parquet").mkdir()
    for name, split in rows.items():
        split.to_parquet(tmp_path / "parquet" / f"{name}.parquet")
    for folder in ("saved", "parquet"):
        data = prepared(None, source="path", path=str(tmp_path / folder))
        assert (data.source, data.card["source"], data.card["revision"]) == ("path", "path", None)
        assert data.fingerprint == prepared(rows).fingerprint


@pytest.mark.parametrize("array", ["image", "tokens", "label", "content"])
def test_the_fingerprint_changes_with_any_array(array):
    splits = prepared(DatasetDict(train=samples(range(24)))).splits
    before = fingerprint(splits)
    assert before == fingerprint(dict(reversed(splits.items())))
    for name in splits:
        changed = getattr(splits[name], array)[:].clone()
        changed.view(-1)[-1] += 1
        assert fingerprint(splits | {name: replace(splits[name], **{array: changed})}) != before


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("image_size", 0),
        ("max_words", 0),
        ("limit", 0),
        ("min_word_count", 0),
        ("max_words_kept", 0),
        ("channels", 2),
        ("max_bad_rows", -1),
        ("validation_fraction", 0),
        ("validation_fraction", 1),
        ("test_fraction", 1.5),
    ],
)
def test_settings_that_make_no_sense_are_refused(setting, value):
    with pytest.raises(ValueError, match=rf"dataset\..*{setting} .*got .*{value}"):
        prepared(DatasetDict(train=samples(range(24))), **{setting: value})


def test_the_card_counts_what_was_prepared():
    data = prepared(DatasetDict(train=samples(range(48))))
    assert data.card["vocabulary"] == len(data.vocabulary)
    for name, split in data.splits.items():
        counted = np.bincount(np.array(numbers(split)) % 3).tolist()
        assert data.card["classes"][name] == dict(zip(CLASSES, counted, strict=True))


def captioned(split_counts: dict[str, int]) -> DatasetDict:
    """Five captions, rows of their own, of each of so many images; the class is an image's number, its remainder."""
    return DatasetDict(
        {
            name: table(
                [square(i // 5) for i in range(5 * count)],
                [i // 5 % 3 for i in range(5 * count)],
                [f"caption {i % 5} of it" for i in range(5 * count)],
            )
            for name, count in split_counts.items()
        }
    )


@pytest.mark.parametrize("limit", [None, 100])
def test_no_image_is_in_two_splits_however_many_captions_it_has(limit, caplog):
    data = prepared(captioned({"train": 60}), limit=limit)
    shown = {name: set(numbers(split)) for name, split in data.splits.items()}
    assert sum(map(len, shown.values())) == len(set().union(*shown.values())) == (60 if limit is None else 25)
    assert all(len(split) == 5 * len(shown[name]) for name, split in data.splits.items())
    if limit is None:
        assert {name: len(images) for name, images in shown.items()} == {"train": 33, "validation": 12, "test": 15}


def test_the_sources_own_validation_split_is_used(monkeypatch):
    rows = DatasetDict(train=samples(range(24)), test=samples(range(24, 30)))
    own = read_rows(DatasetDict(train=samples(range(30, 39))), COLUMNS)[0]["train"]

    def with_validation(*arguments):
        read, names = read_rows(*arguments)
        return read | {"validation": own}, names

    monkeypatch.setattr("multimodal.dataset.preparing.prepare.read_rows", with_validation)
    data = prepared(rows)
    assert numbers(data.splits["validation"]) == list(range(30, 39))
    assert numbers(data.splits["train"]) == list(range(24))
    limited = prepared(rows, limit=12)
    assert {name: len(split) for name, split in limited.splits.items()} == {"train": 12, "validation": 3, "test": 3}


def test_images_of_another_split_are_counted_and_said(caplog):
    rows = DatasetDict(train=samples(range(48)), test=samples([3, 5, 100]))
    data = prepared(rows, image_size=16)
    assert data.card["near_duplicate_counts"]["test_in_train"] >= 1
    assert sum(data.card["near_duplicate_counts"].values()) >= 2
    assert "images nearly equal to one of another split" in caplog.text
    assert "test in train" in caplog.text


def test_equal_images_of_two_classes_are_said_once(caplog):
    rows = table([square(i // 2) for i in range(60)], [i % 2 for i in range(60)], ["a caption"] * 60)
    prepared(DatasetDict(train=rows))
    assert caplog.text.count("30 images stand in the data with several classes") == 1


def test_a_class_of_one_sample_stays_in_train_and_is_named_once(caplog):
    labels = [i % 3 for i in range(60)] + [3]
    rows = table([square(i) for i in range(61)], labels, ["a caption"] * 61, classes=["x", "y", "z", "rare"])
    data = prepared(DatasetDict(train=rows))
    assert data.card["classes"]["train"]["rare"] == 1
    assert data.card["classes"]["test"]["rare"] == data.card["classes"]["validation"]["rare"] == 0
    assert caplog.text.count("rare)") == 2  # of validation and of test, in one line
    assert len([record for record in caplog.records if "too rare" in record.message]) == 1


def test_rare_words_are_unknown_also_in_train_and_the_card_says_so(caplog):
    data = prepared(DatasetDict(train=samples(range(48))), min_word_count=2)
    assert data.vocabulary.words[4:] == ["of", "them"]
    assert data.card["dropped_words"] == len(data.splits["train"])
    assert data.card["captions"]["train"]["unknown_words"] == pytest.approx(1 / 3)
    assert (data.splits["train"].tokens == UNK).any(1).all()
    assert "33% of the words in validation and 33% of the words in test are unknown" in caplog.text
    assert prepared(DatasetDict(train=samples(range(48))), max_words_kept=1).vocabulary.words[4:] == ["of"]


def test_known_words_are_not_warned_of(caplog):
    data = prepared(with_captions({25: "a purple one"}))
    assert data.card["captions"]["test"]["unknown_words"] == pytest.approx(1 / 9)
    assert "unknown" not in caplog.text


def test_chinese_captions_are_known_and_accents_are_one_word():
    data = prepared(
        with_captions(dict.fromkeys(range(0, 24, 3), "一只小猫 e\u0301te\u0301") | {24: "小猫，été"}), max_words=9
    )
    assert data.vocabulary.words_of(data.splits["test"].tokens)[0] == ["小", "猫", "<unk>", "été"]


def test_equal_pixels_of_different_files_stay_together():
    grey = [Image.fromarray(np.full((8, 8), 10 * i, dtype=np.uint8)) for i in range(20)]
    files = [encoded(image, form) for image in grey for form in ("PNG", "BMP", "TIFF")]
    data = prepared(DatasetDict(train=table(files, [i // 3 % 2 for i in range(60)], ["a caption"] * 60)))
    shown = {name: set(numbers(split)) for name, split in data.splits.items()}
    assert sum(map(len, shown.values())) == 20
    assert all(len(split) == 3 * len(shown[name]) for name, split in data.splits.items())


NOISY = NoisyTask(
    0, blur=[0.0], covered=[0.0], noise=[0.1], one_class=[0.5], no_class=[0.2], right_first=0.5, draws=2, seed=0
)


@pytest.mark.parametrize("task", [SynergyTask(2, 0), NOISY], ids=["as they are", "new ones"])
@pytest.mark.parametrize("bits", [8, 16])
def test_another_process_gets_the_data_without_its_pixels(task, bits):
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, 2**bits, size=(48, 16, 16)).astype(f"uint{bits}")
    files = [encoded(Image.fromarray(image)) for image in drawn]
    rows = table(files, [i % 3 for i in range(48)], ["a caption"] * 48)
    data = prepared(DatasetDict(train=rows), image_size=64, task=task)
    content = pickle.dumps((data.splits, data.limits))
    assert len(content) < 48 * 64 * 64 / 10
    again, _ = pickle.loads(content)
    assert all(torch.equal(again[name].image[:], split.image[:]) for name, split in data.splits.items())
    assert prepared(DatasetDict(train=rows), image_size=64, task=task).fingerprint == data.fingerprint
