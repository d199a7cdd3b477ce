"""ROUGE-L against trying out every subsequence."""

import itertools
import random

import pytest

from multimodal.metric.rouge import rouge_l


def slow(said: list[str], asked: list[str]) -> float:
    """F1 of the longest word list that can be got from both by leaving words out."""

    def left(words: list[str]) -> set[tuple[str, ...]]:
        return {kept for size in range(len(words) + 1) for kept in itertools.combinations(words, size)}

    longest = max(map(len, left(said) & left(asked)))
    return 2 * longest / (len(said) + len(asked)) if longest else 0.0  # = 2pr / (p + r)


def corpus(words: str, size: int, seed: int) -> list[list[str]]:
    draw = random.Random(seed)
    return [draw.choices(words, k=draw.randint(0, 8)) for _ in range(size)]


@pytest.mark.parametrize("words", ["abc", "abcdefghijklmnop"], ids=["alike", "little in common"])
def test_equals_the_formula(words) -> None:
    written, references = corpus(words, 20, seed=0), corpus(words, 20, seed=1)
    expected = sum(map(slow, written, references)) / 20
    assert 0.1 < expected < 0.9
    assert rouge_l(written, references) == pytest.approx(expected, abs=1e-6)


def test_equal_captions_score_one_and_others_zero() -> None:
    assert rouge_l([["a", "cat"], ["the", "dog"]], [["a", "cat"], ["the", "dog"]]) == 1
    assert rouge_l([["a", "cat"]], [["the", "dog"]]) == 0


def test_order_counts_and_words_between_do_not() -> None:
    reference = [["a", "black", "cat", "sat", "down"]]
    assert rouge_l([["down", "sat", "cat", "black", "a"]], reference) == pytest.approx(1 / 5)
    assert rouge_l([["a", "cat", "down"]], reference) == pytest.approx(2 * 3 / (3 + 5))


@pytest.mark.parametrize("word", ["<unk>", ".", "ä", "CAT", "don't"])
def test_words_are_those_of_the_vocabulary(word) -> None:
    """Neither dropped, lowered nor cut."""
    assert rouge_l([[word, "b"]], [[word, "c"]]) == pytest.approx(1 / 2)
    assert rouge_l([[word]], [["cat", "t"]]) == 0


def test_saying_nothing_scores_zero() -> None:
    assert rouge_l([[], ["a"]], [["a"], ["a"]]) == pytest.approx(1 / 2)
    assert rouge_l([["a"]], [[]]) == 0


def test_as_many_captions_as_references() -> None:
    with pytest.raises(ValueError, match="2 and 1"):
        rouge_l([["a"], ["b"]], [["a"]])
