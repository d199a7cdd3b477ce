"""Exact match and distinct captions by hand."""

import pytest

from multimodal.metric.diversity import distinct, exact

CAPTIONS = [["a", "cat"], ["a", "dog"], ["a", "cat"], [], ["a"]]


def test_exact_is_the_share_of_equal_word_lists() -> None:
    assert exact(CAPTIONS, [[text] for text in CAPTIONS]) == 1
    target = [["a", "cat"], ["dog", "a"], ["a", "cat", "sat"], [], ["b"]]
    assert exact(CAPTIONS, [[text] for text in target]) == pytest.approx(2 / 5)
    assert exact(CAPTIONS, [[text, ["b"], ["a", "dog"]] for text in target]) == pytest.approx(3 / 5)


def test_words_are_compared_and_not_letters() -> None:
    assert exact([["ab", "c"]], [[["a", "bc"]]]) == 0
    assert distinct([["ab", "c"], ["a", "bc"], ["abc"]]) == 3


def test_distinct_counts_each_caption_once() -> None:
    assert distinct(CAPTIONS) == 4
    assert distinct(CAPTIONS * 3) == 4
    assert distinct([["a"]] * 7) == 1


def test_as_many_captions_as_references() -> None:
    with pytest.raises(ValueError, match="shorter"):
        exact(CAPTIONS, [[text] for text in CAPTIONS[:2]])
