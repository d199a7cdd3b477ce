import json
import tracemalloc

import pytest
import torch
from datasets import DatasetDict

from multimodal.dataset.card import make_card
from multimodal.dataset.data import Split
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.types import Limits
from tests.helpers.datasets import prepared, samples, square, table

CLASSES = ["cat", "dog", "fish"]
CAPTIONS = {  # at most three words are read
    "train": ["a cat", "a cat", "a dog", "A cat.", "a very big old dog", "a very big old dog"],
    "validation": ["a pig", "the dog"],
    "test": ["a cat", "one purple fish", "so very long a fish", "a dog"],
}
CONTENT = {"train": [0, 0, 1, 0, 1, 1], "validation": [0, 1], "test": [0, 2, 2, 1]}
LIMITS = Limits(chance=0.5, image="not known yet", text=0.75, both=1.0, product=0.8)
BAD = [{"split": "test", "row": 3, "problem": "caption is empty"}]


def card(captions: dict[str, list[str]], content: dict[str, list[int]]) -> dict:
    """Of these captions; images do not matter."""
    vocabulary = Vocabulary.of(captions["train"])
    splits = {}
    for name, texts in captions.items():
        shown = torch.tensor(content[name])
        image = torch.zeros(len(texts), 1, 4, 4, dtype=torch.uint8)
        splits[name] = Split(image, vocabulary.encode(texts, 3), (shown + 1) % 3, shown)
    return make_card(captions, LIMITS, splits, vocabulary, CLASSES, 3, BAD)


@pytest.fixture
def counted() -> dict:
    return card(CAPTIONS, CONTENT)


def test_the_accuracies_that_the_task_allows_stand_in_it(counted):
    known = {"chance": 0.5, "ceiling": 1.0, "text_ceiling": 0.75, "product_ceiling": 0.8}
    assert counted["task"] == known | {"image_ceiling": "not known yet"}


def test_samples_are_counted_by_split_and_pictured_class(counted):
    assert counted["classes"] == {
        "train": {"cat": 3, "dog": 3, "fish": 0},
        "validation": {"cat": 1, "dog": 1, "fish": 0},
        "test": {"cat": 1, "dog": 1, "fish": 2},
    }


def test_caption_lengths_are_those_before_the_cut(counted):
    words = {split: facts["words"] for split, facts in counted["captions"].items()}
    assert words == {
        "train": [0, 0, 3, 1, 0, 2],  # "A cat." has three: the full stop is one
        "validation": [0, 0, 2],
        "test": [0, 0, 2, 1, 0, 1],
    }
    assert all(sum(words[split]) == len(texts) for split, texts in CAPTIONS.items())


def test_shares_are_those_counted_by_hand(counted):
    facts = counted["captions"]
    assert [facts[split]["cut"] for split in CAPTIONS] == pytest.approx([2 / 6, 0, 1 / 4])
    # "a cat" and the long one stand twice: two of six repeat another
    assert [facts[split]["duplicates"] for split in CAPTIONS] == pytest.approx([2 / 6, 0, 0])
    # read: a cat, one purple fish, so very long, a dog; unknown of these ten: one purple fish, so, long
    assert [facts[split]["unknown_words"] for split in CAPTIONS] == pytest.approx([0, 2 / 4, 5 / 10])
    assert counted["test_captions_in_train"] == pytest.approx(2 / 4)
    assert counted["vocabulary"] == 4 + 7  # a . big cat dog old very
    assert counted["bad_rows"] == BAD


def test_it_is_json(counted):
    assert json.loads(json.dumps(counted, allow_nan=False)) == counted


def test_the_card_of_prepared_data_is_json_bad_rows_included():
    test = table([None, square(1), square(2), b"none"], [0, 1, 2, 0], ["a", None, "a word", "b"])
    data = prepared(DatasetDict(train=samples(range(24)), test=test), max_bad_rows=9)
    assert len(data.card["bad_rows"]) == 3
    assert json.loads(json.dumps(data.card, allow_nan=False)) == data.card


def test_long_words_that_become_one_are_counted_and_said(caplog):
    rows = samples(range(24)).remove_columns("caption")
    letters = "z" * 20_000
    texts = [f"a {letters}a" if i % 3 == 0 else f"a {letters}B" if i % 3 == 1 else f"a {'y' * 64}" for i in range(24)]
    data = prepared(DatasetDict(train=rows.add_column("caption", texts)))
    assert data.card["cut_words"] == 2
    assert data.vocabulary.words[4:] == ["a", "y" * 64, "z" * 64]
    assert "2 words of the captions are cut after 64 letters" in caplog.text


def test_one_endless_caption_does_not_take_memory_for_all():
    captions = CAPTIONS | {"train": [f"word{i}" for i in range(300)] + ["tall " * 5000]}
    content = CONTENT | {"train": [i % 3 for i in range(301)]}
    tracemalloc.start()
    made = card(captions, content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made["captions"]["train"]["words"][5000] == 1
    assert peak < 20e6
