"""CIDEr-D, beside what its published code computes."""

import pytest

from multimodal.metric.cider import cider

PREDS = ["a red cat sits on the wall", "the dog runs", "a big blue cat cat cat"]
REFERENCES = [
    ["a red cat sits on a wall", "one red cat is on the wall"],
    ["the black dog runs on grass"],
    ["a blue cat", "the big blue cat sleeps", "there is a cat"],
]


def words(texts: list[str]) -> list[list[str]]:
    return [text.split() for text in texts]


def test_it_equals_the_published_code() -> None:
    """CiderScorer(n=4, sigma=6.0) of pycocoevalcap 1.2, which was run on these captions once."""
    assert cider(words(PREDS), [words(texts) for texts in REFERENCES]) == pytest.approx(3.071021781875439)


def test_each_caption_equals_the_published_code() -> None:
    """The score of all is the mean: that of one caption follows when the others say nothing of their image."""
    for i, expected in enumerate((5.14506927, 2.23182129, 1.83617479)):
        preds = [PREDS[k] if k == i else "" for k in range(3)]
        assert 3 * cider(words(preds), [words(texts) for texts in REFERENCES]) == pytest.approx(expected), i


def test_a_word_of_every_image_counts_for_nothing() -> None:
    references = [[["a", "cat"]], [["a", "dog"]]]
    assert cider([["a"], ["a"]], references) == 0
    assert cider([["cat"], ["a", "dog"]], references) < cider([["a", "cat"], ["a", "dog"]], references)


def test_a_repeated_word_gains_nothing() -> None:
    references = [[["red", "cat"]], [["blue", "dog"]]]
    once, again = (cider([text, ["blue", "dog"]], references) for text in (["red", "cat"], ["red", "cat", "cat"]))
    assert again < once


def test_one_image_has_no_rare_words() -> None:
    assert cider([["a", "cat"]], [[["a", "cat"]]]) is None


def test_references_are_needed_for_each_caption() -> None:
    with pytest.raises(ValueError, match="got 1 and 2"):
        cider([["a"]], [[["a"]], [["a"]]])
