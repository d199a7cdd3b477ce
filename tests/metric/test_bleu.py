"""BLEU against its formula, worked out with Counters."""

import math
import random
from collections import Counter

import pytest
from torchmetrics.functional.text import bleu_score

from multimodal.metric.bleu import bleu

EPSILON = 0.1  # nltk's smoothing method 1: stands for a count of 0


def ngrams(words: list[str], n: int) -> Counter:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def slow(written: list[list[str]], references: list[list[str]], order: int) -> float:
    """exp(mean log clipped precision) times the brevity penalty, counts summed over the corpus."""
    logs = []
    for n in range(1, order + 1):
        matches = total = 0
        for said, reference in zip(written, references, strict=True):
            counts, allowed = ngrams(said, n), ngrams(reference, n)
            matches += sum(min(count, allowed[gram]) for gram, count in counts.items())
            total += sum(counts.values())
        logs.append(math.log((matches or EPSILON) / total))
    said, asked = sum(map(len, written)), sum(map(len, references))
    brevity = 1.0 if said > asked else math.exp(1 - asked / said)
    return brevity * math.exp(sum(logs) / order)


def corpus(words: str, size: int, seed: int) -> list[list[str]]:
    draw = random.Random(seed)
    return [draw.choices(words, k=draw.randint(4, 9)) for _ in range(size)]


@pytest.mark.parametrize("words", ["abc", "abcdefghijklmnop"], ids=["alike", "without a common 4-gram"])
def test_equals_the_formula(words) -> None:
    written, references = corpus(words, 12, seed=0), corpus(words, 12, seed=1)
    expected = {f"bleu{n}": slow(written, references, n) for n in range(1, 5)}
    assert bleu(written, references) == pytest.approx(expected)


def test_equals_torchmetrics_on_200_pairs() -> None:
    """Of four words or more: what is shorter the two count apart (nltk gives it a 4-gram, of which none is right)."""
    written, references = corpus("abcdef", 200, seed=2), corpus("abcdef", 200, seed=3)
    said, asked = [" ".join(words) for words in written], [[" ".join(words)] for words in references]
    expected = {f"bleu{n}": float(bleu_score(said, asked, n_gram=n)) for n in range(1, 5)}
    assert min(expected.values()) > 0.01
    assert bleu(written, references) == pytest.approx(expected, abs=1e-6)


def test_a_caption_worked_out_by_hand() -> None:
    written = [["the", "cat", "sat", "on", "the", "mat"]]
    references = [["the", "cat", "is", "on", "the", "mat"]]
    scores = bleu(written, references)
    assert scores["bleu1"] == pytest.approx(5 / 6)
    assert scores["bleu2"] == pytest.approx(math.sqrt(5 / 6 * 3 / 5))
    assert scores["bleu3"] == pytest.approx((5 / 6 * 3 / 5 * 1 / 4) ** (1 / 3))


def test_equal_captions_score_one() -> None:
    captions = corpus("abcdefgh", 10, seed=0)
    assert bleu(captions, captions) == pytest.approx(dict.fromkeys(["bleu1", "bleu2", "bleu3", "bleu4"], 1.0))


def test_a_word_said_more_often_than_asked_counts_once() -> None:
    assert bleu([["the"] * 4], [["the", "cat", "sat", "down"]])["bleu1"] == pytest.approx(1 / 4)


def test_saying_less_is_penalised() -> None:
    captions = [["a", "b", "c", "d", "e", "f", "g", "h"]]
    assert bleu([captions[0][:4]], captions)["bleu4"] == pytest.approx(math.exp(1 - 8 / 4))


def test_word_order_counts_from_two_words_on() -> None:
    captions = [list("abcdefgh")]
    scores = bleu([list("hgfedcba")], captions)
    assert scores["bleu1"] == pytest.approx(1)
    assert scores["bleu2"] < 0.2


def test_the_order_of_the_samples_does_not_matter() -> None:
    written, references = corpus("abc", 12, seed=0), corpus("abc", 12, seed=1)
    assert bleu(written[::-1], references[::-1]) == pytest.approx(bleu(written, references))


def test_saying_nothing_scores_zero() -> None:
    references = corpus("abc", 3, seed=0)
    assert set(bleu([[], [], []], references).values()) == {0.0}
    assert 0 < bleu([[], *references[1:]], references)["bleu4"] < 1


def test_as_many_captions_as_references() -> None:
    with pytest.raises(ValueError, match="2 and 1"):
        bleu([["a"], ["b"]], [["a"]])
