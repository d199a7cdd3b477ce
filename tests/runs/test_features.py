"""Features of frozen encoders: computed once, shared, kept apart by all that they depend on."""

import logging
import math
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from multimodal.dataset.data import Data, Split
from multimodal.encoder.backbone import KEPT, Backbone, PretrainedEncoder
from multimodal.runs import features as features_module
from multimodal.runs.build import build_model
from multimodal.runs.features import MappedFeatures, with_features, with_subwords
from tests.helpers.tiny_training import DATA
from tests.helpers.toy import composed

CPU = torch.device("cpu")
CAPTIONS = ["a cat.", "a cat", "A cat", "a red dog sleeps!"]


class Counting(PretrainedEncoder):
    """Reads the mean of each row of an image, and counts the images."""

    def __init__(self, scale: float, frozen: bool) -> None:
        super().__init__()
        self.code, self.count = "", 0
        network = nn.Linear(12, 5)
        nn.init.constant_(network.weight, scale)
        self.backbone = Backbone(network, frozen, "")

    def features(self, x: Tensor) -> Tensor:
        self.count += len(x)
        return self.backbone(x.mean((1, 2)))


class Model(nn.Module):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict({"image": encoder})


@pytest.fixture
def cache(tmp_path: Path) -> str:
    return str(tmp_path / "cache")


def prepared(cache: str, encoder: Counting, data: Data = DATA) -> Data:
    return with_features(Model(encoder), data, cache, CPU)


def counting(scale: float = 0.5, frozen: bool = True) -> Counting:
    torch.manual_seed(0)
    return Counting(scale, frozen)


def test_each_distinct_image_is_encoded_once_and_never_again(cache: str) -> None:
    twice = replace(DATA.splits["train"], image=DATA.splits["train"].image.clone())
    twice.image[15:] = twice.image[:15]
    data, encoder = replace(DATA, splits={"train": twice}), counting()
    made = prepared(cache, encoder, data)
    distinct = len(twice.image[:15].unique(dim=0))
    assert encoder.count == distinct
    batch = made.splits["train"].batch(torch.tensor([20, 3, 5]))
    assert batch.features["image"].dtype is KEPT
    expected = encoder.features(twice.batch(torch.tensor([20, 3, 5])).image).half()
    assert torch.equal(batch.features["image"], expected)
    assert torch.equal(batch.inputs["image"], expected)
    again = counting()
    prepared(cache, again, data)
    assert again.count == 0


def test_other_weights_or_other_images_are_other_features(cache: str) -> None:
    prepared(cache, counting())
    files = set(Path(cache).glob("*.npy"))
    assert len(files) == len(DATA.splits)
    other = counting(0.25)
    prepared(cache, other)
    assert other.count > 0
    changed = {name: replace(split, image=split.image + 1) for name, split in DATA.splits.items()}
    encoder = counting()
    prepared(cache, encoder, replace(DATA, splits=changed))
    assert encoder.count > 0
    assert len(set(Path(cache).glob("*.npy"))) == 3 * len(files)


def test_captions_do_not_matter_to_the_features_of_images(cache: str) -> None:
    prepared(cache, counting())
    other = {name: replace(split, tokens=split.tokens.flip(0)) for name, split in DATA.splits.items()}
    encoder = counting()
    prepared(cache, encoder, replace(DATA, splits=other, fingerprint="1"))
    assert encoder.count == 0


def test_what_is_trained_is_not_kept(cache: str) -> None:
    assert prepared(cache, counting(frozen=False)) is DATA


def test_two_jobs_at_once_compute_once(cache: str) -> None:
    encoders = [counting(), counting()]
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda encoder: prepared(cache, encoder), encoders))
    rows = torch.arange(9)
    one, other = (data.splits["validation"].features["image"][rows] for data in made)
    assert torch.equal(one, other)
    total = sum(len(split.image.unique(dim=0)) for split in DATA.splits.values())
    assert sum(encoder.count for encoder in encoders) == total


@pytest.mark.parametrize("damage", [lambda file: os.truncate(file, 200), lambda file: file.write_text("x")])
def test_a_damaged_file_is_computed_anew(cache: str, damage) -> None:
    prepared(cache, counting())
    for file in Path(cache).glob("*.npy"):
        damage(file)
    encoder = counting()
    made = prepared(cache, encoder)
    assert encoder.count > 0
    assert made.splits["train"].features["image"][torch.arange(30)].isfinite().all()


def test_a_killed_computation_leaves_nothing(cache: str, monkeypatch) -> None:
    encoder = counting()
    monkeypatch.setattr(encoder, "features", lambda x: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        prepared(cache, encoder)
    assert not [file for file in Path(cache).iterdir() if file.suffix != ".lock"]


def test_where_nothing_can_be_written_they_are_in_memory(tmp_path: Path, caplog) -> None:
    (tmp_path / "file").write_text("")
    made = prepared(str(tmp_path / "file" / "cache"), counting())
    assert "cannot be written" in caplog.text
    assert made.splits["train"].features["image"][torch.arange(3)].shape == (3, 5)


def test_features_that_are_no_numbers_are_told_as_such(cache: str) -> None:
    with pytest.raises(ValueError, match=r"encoder\.image: its features are no numbers"):
        prepared(cache, counting(math.nan))


def test_features_too_large_for_float16_are_refused(cache: str) -> None:
    with pytest.raises(ValueError, match=r"encoder\.image: its features do not fit into float16"):
        prepared(cache, counting(1e6))


def test_another_process_maps_the_file_again(cache: str) -> None:
    rows = prepared(cache, counting()).splits["train"].features["image"]
    assert isinstance(rows, MappedFeatures)
    sent = pickle.loads(pickle.dumps(rows))
    assert len(pickle.dumps(rows)) < 2000
    assert torch.equal(sent[torch.tensor([4, 1])], rows[torch.tensor([4, 1])])


def test_images_are_not_augmented_and_it_is_said(cache: str, caplog) -> None:
    with caplog.at_level(logging.INFO):
        prepared(cache, counting())
    assert "images are not augmented" in caplog.text


def captioned() -> Data:
    def texts(split: Split) -> list[str]:
        return [CAPTIONS[i % 4] for i in range(len(split))]

    return replace(DATA, splits={name: replace(split, captions=texts(split)) for name, split in DATA.splits.items()})


def test_a_pretrained_tokenizer_sees_the_text_and_the_vocabulary_the_words() -> None:
    model, data = build_model(composed("encoder/text=static")), captioned()
    made = with_subwords(model, data)
    split = made.splits["train"]
    assert split.subwords is not None
    assert len(split.subwords.unique(dim=0)) == 4  # case and a full stop tell three of them apart
    batch = split.batch(torch.tensor([0, 1]))
    assert batch.subwords.tolist() == [[4, 7, 9], [4, 7, 0]]  # as wide as the longest
    assert torch.equal(batch.inputs["text"], batch.subwords)
    assert torch.equal(batch.tokens, data.splits["train"].batch(torch.tensor([0, 1])).tokens)
    assert made.fingerprint != data.fingerprint
    shouted = {name: replace(split, captions=[c + "!" for c in split.captions]) for name, split in data.splits.items()}
    assert with_subwords(model, replace(data, splits=shouted)).fingerprint != made.fingerprint


def test_without_such_a_tokenizer_data_are_as_they_were() -> None:
    data = captioned()
    assert with_subwords(build_model(composed()), data) is data


@torch.no_grad()
def test_kept_features_of_captions_answer_as_the_captions_do(cache: str) -> None:
    model = build_model(composed("encoder/text=transformers")).eval()
    data = with_subwords(model, captioned())
    made, rows = with_features(model, data, cache, CPU), torch.tensor([3, 0, 1])
    fast, slow = (d.splits["train"].batch(rows) for d in (made, data))
    assert fast.features["text"].shape == (3, slow.subwords.shape[1], 8)
    one, other = (model.encoders["text"](b.inputs["text"], b.present["text"]) for b in (fast, slow))
    assert torch.equal(one.token_mask, other.token_mask)
    torch.testing.assert_close(one.pooled, other.pooled, atol=2e-3, rtol=2e-3)
    assert np.load(next(Path(cache).glob("*.npy")), mmap_mode="r").shape[0] == 4  # each text once


def test_other_code_is_another_file(cache: str, monkeypatch) -> None:
    prepared(cache, counting())
    monkeypatch.setattr(features_module, "source_digest", lambda target: "other")
    encoder = counting()
    prepared(cache, encoder)
    assert encoder.count > 0
