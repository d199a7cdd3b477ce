"""BLEU: our choices of smoothing and of what an empty caption scores, and one case worked out by hand."""

import math

import pytest

from multimodal.metric.bleu import bleu

REFERENCE = ["the", "cat", "is", "on", "the", "mat"]


def test_a_caption_worked_out_by_hand() -> None:
    """Without a common 4-gram: smoothing method 1 counts 0.1 of three."""
    scores = bleu([["the", "cat", "sat", "on", "the", "mat"]], [[REFERENCE]])
    assert scores["bleu1"] == pytest.approx(5 / 6)
    assert scores["bleu2"] == pytest.approx(math.sqrt(5 / 6 * 3 / 5))
    assert scores["bleu3"] == pytest.approx((5 / 6 * 3 / 5 * 1 / 4) ** (1 / 3))
    assert scores["bleu4"] == pytest.approx((5 / 6 * 3 / 5 * 1 / 4 * 0.1 / 3) ** (1 / 4))


def test_counts_are_summed_over_the_corpus() -> None:
    """The mean of the two captions' scores would be 1/2."""
    scores = bleu([["a", "b", "c", "d"], ["x"]], [[["a", "b", "c", "d"]], [["y"]]])
    assert scores["bleu1"] == pytest.approx(4 / 5)


def test_an_empty_caption_scores_zero_and_is_counted() -> None:
    assert set(bleu([[], []], [[REFERENCE], [REFERENCE]]).values()) == {0.0}
    assert 0 < bleu([[], REFERENCE], [[REFERENCE], [REFERENCE]])["bleu4"] < 1


def test_as_many_captions_as_references() -> None:
    with pytest.raises(ValueError, match="2 and 1"):
        bleu([["a"], ["b"]], [[["a"]]])


def test_words_of_any_reference_count_and_the_nearest_length() -> None:
    """Of "the cat sat on a mat": the, cat, on, a, mat and sat each stand in one of the two; "sat on" in the second."""
    references = [["the", "cat", "is", "on", "the", "mat"], ["there", "sat", "on", "a", "mat", "the", "old", "cat"]]
    scores = bleu([["the", "cat", "sat", "on", "a", "mat"]], [references])
    assert scores["bleu1"] == pytest.approx(1)
    assert scores["bleu2"] == pytest.approx(math.sqrt(1 * 4 / 5))  # all but "cat sat"
    assert scores == bleu([["the", "cat", "sat", "on", "a", "mat"]], [references[::-1]])
