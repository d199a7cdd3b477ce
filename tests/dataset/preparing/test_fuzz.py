"""Properties of words, vocabularies and splits for texts and labels of any kind, searched by hypothesis."""

from unicodedata import normalize

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from multimodal.caption.anonymous import AnonymousCaptions
from multimodal.dataset.preparing.split import hold_out, split_rows, stratified_order
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.types import BOS, EOS, PAD, SPECIAL_WORDS, UNK
from multimodal.words import LONGEST, split_words, tokenize
from tests.helpers.fuzz import search

SEARCH = settings(max_examples=100, deadline=None, derandomize=True, database=None)
SCRIPTS = "aÉéßİΣςк字ーのกิ่ลาကြខ្មहिन்다각עִخ‌‍👩🚀❤️½²_'.-!\u0301\u0345 \t\u3000"
TEXT = st.one_of(st.text(max_size=30), st.text(alphabet=SCRIPTS, max_size=30))
LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 12)), min_size=1, max_size=40)
VOCABULARIES = (st.lists(TEXT, max_size=8), st.integers(1, 9), st.integers(1, 3), st.none() | st.integers(1, 9))
HIDDEN = (st.lists(TEXT, min_size=2, max_size=6), st.lists(TEXT, min_size=1, max_size=3))
SHARES = (LABELS, st.floats(0.01, 0.99), st.integers(0, 3))


@SEARCH
@given(TEXT)
@example("z" * 20_000)
@example("\u1100\u1161\u11a8 ﬁ \ud800")
def test_words_lose_no_letter_and_are_words_themselves(text):
    words = tokenize(text)
    assert all(0 < len(word) <= LONGEST and not any(map(str.isspace, word)) for word in words)
    if len(text) < LONGEST:
        assert "".join(split_words(text)) == "".join(normalize("NFC", text).split())
    assert tokenize(normalize("NFD", text)) == tokenize(normalize("NFC", text)) == words
    assert split_words(" ".join(words)) == words


@SEARCH
@given(*VOCABULARIES)
def test_captions_come_back_but_for_rare_words(captions, max_words, least, most):
    read = [tokenize(caption)[:max_words] for caption in captions]
    counts = {word: sum(words.count(word) for words in read) for words in read for word in words}
    if max(counts.values(), default=0) < least:
        return
    vocabulary = Vocabulary.of_frequent(captions, max_words, least, most)
    assert tuple(vocabulary.words[:4]) == SPECIAL_WORDS
    kept = vocabulary.words[4:]
    assert kept == sorted(set(kept))
    assert len(kept) == min(most or 99_999, sum(count >= least for count in counts.values()))
    assert min(counts[word] for word in kept) >= max([least, *(c for w, c in counts.items() if w not in kept)][:1])
    tokens = vocabulary.encode(captions, max_words)
    assert tokens.shape == (len(captions), max(map(len, read)) + 2)
    assert (tokens[:, 0] == BOS).all()
    assert ((tokens == EOS).sum(1) == 1).all()
    assert vocabulary.words_of(tokens) == [[w if w in kept else SPECIAL_WORDS[UNK] for w in words] for words in read]
    assert ((tokens != PAD).sum(1) == torch.tensor([len(words) + 2 for words in read])).all()


@SEARCH
@given(*HIDDEN)
def test_words_to_hide_are_in_no_caption_that_is_left(captions, words):
    content = {"train": torch.arange(len(captions)) % 2}
    told, problem = [], ""
    try:
        mode = AnonymousCaptions(words, 0.5, "qqq")
        told = mode.apply({"train": captions}, content, ["a", "b"]).texts["train"]
    except ValueError as error:
        problem = str(error)
    assert not problem or "caption.words" in problem
    for phrase in (tokenize(word) for word in words):
        for text in map(tokenize, told):
            assert all(text[i : i + len(phrase)] != phrase for i in range(len(text)))


@SEARCH
@given(*SHARES)
def test_no_image_is_parted_and_no_class_leaves_train(samples, share, seed):
    label, group = (np.array(column) for column in zip(*samples, strict=True))
    rest, part, problem = [], [], ""
    try:
        rest, part = hold_out(label, group, share, seed, "test")
    except ValueError as error:
        problem = str(error)
    if problem:
        assert "no class has two different images" in problem
        return
    assert sorted([*rest, *part]) == list(range(len(label)))
    assert len(rest) > 0 < len(part)
    assert set(group[rest]).isdisjoint(group[part])
    assert set(label[rest]) == set(label)


@SEARCH
@given(st.integers(3, 200), st.integers(1, 9), st.floats(0.05, 0.5), st.integers(0, 3))
def test_of_different_images_each_class_is_held_out_by_its_share(count, classes, share, seed):
    label = np.arange(count) % classes
    if np.bincount(label).max() < 8:
        return
    parts = split_rows({"train": label}, np.arange(count), share, share, seed)
    assert sorted(i for _, rows in parts.values() for i in rows) == list(range(count))
    held = np.bincount(label[parts["test"][1]], minlength=classes)
    assert (abs(held - share * np.bincount(label, minlength=classes)) <= 1.5).all()


@SEARCH
@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(0, 9))
def test_each_beginning_is_stratified(label, seed):
    label = np.array(label)
    order = stratified_order(label, seed)
    assert sorted(order) == list(range(len(label)))
    shares = np.bincount(label) / len(label)
    for stop in range(len(label)):
        drawn = np.bincount(label[order[:stop]], minlength=len(shares))
        assert (abs(drawn - stop * shares) <= len(shares)).all()


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [60])
@pytest.mark.parametrize("kind", ["words", "vocabulary", "hidden words", "splits"])
def test_for_a_time(kind, seconds):
    kinds = {
        "words": (test_words_lose_no_letter_and_are_words_themselves, TEXT),
        "vocabulary": (test_captions_come_back_but_for_rare_words, *VOCABULARIES),
        "hidden words": (test_words_to_hide_are_in_no_caption_that_is_left, *HIDDEN),
        "splits": (test_no_image_is_parted_and_no_class_leaves_train, *SHARES),
    }
    check, *strategies = kinds[kind]
    assert search(seconds, check.hypothesis.inner_test, *strategies) > 0
