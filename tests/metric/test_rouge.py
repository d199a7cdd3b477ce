"""ROUGE-L: our choices of what a word is and of what an empty caption scores, and one case worked out by hand."""

import random

import pytest
from torchmetrics.functional.text import rouge_score

from multimodal.metric.rouge import rouge_l


def test_a_caption_worked_out_by_hand() -> None:
    """Order counts, words between do not."""
    reference = [[["a", "black", "cat", "sat", "down"]]]
    assert rouge_l([["a", "cat", "down"]], reference) == pytest.approx(2 * 3 / (3 + 5))
    assert rouge_l([["down", "sat", "cat", "black", "a"]], reference) == pytest.approx(1 / 5)


def test_is_the_mean_over_captions_and_repeated_pairs_count_each_time() -> None:
    preds, target = [["a", "b"], ["a", "b"], ["c", "d"]], [[["a", "x"]], [["a", "x"]], [["c", "d"]]]
    assert rouge_l(preds, target) == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)


@pytest.mark.parametrize("word", ["<unk>", ".", "ä", "CAT", "don't"])
def test_words_are_those_of_the_vocabulary(word) -> None:
    """Neither dropped, lowered nor cut."""
    assert rouge_l([[word, "b"]], [[[word, "c"]]]) == pytest.approx(1 / 2)
    assert rouge_l([[word]], [[["cat", "t"]]]) == 0


def test_an_empty_caption_scores_zero_and_is_counted() -> None:
    assert rouge_l([[], ["a"]], [[["a"]], [["a"]]]) == pytest.approx(1 / 2)
    assert rouge_l([["a"]], [[[]]]) == 0


def test_as_many_captions_as_references() -> None:
    with pytest.raises(ValueError, match="2 and 1"):
        rouge_l([["a"], ["b"]], [[["a"]]])


def test_the_best_reference_counts() -> None:
    references = [["x", "y"], ["a", "c"], ["a", "b", "c", "d"]]
    assert rouge_l([["a", "b"]], [references]) == pytest.approx(2 * 2 / (2 + 4))


@pytest.mark.parametrize("words", [1, 5, 80])
def test_equals_torchmetrics(words) -> None:
    """Also of captions that are longer than the 64 bits of a machine's word, with words that repeat."""
    rng = random.Random(words)
    for _ in range(20):
        pred, reference = (rng.choices("abcdefg", k=rng.randint(1, words)) for _ in range(2))
        expected = rouge_score(
            " ".join(pred), " ".join(reference), normalizer=str, tokenizer=str.split, rouge_keys="rougeL"
        )
        assert rouge_l([pred], [[reference]]) == pytest.approx(float(expected["rougeL_fmeasure"]), abs=1e-6)
