"""CIDEr-D of generated captions (Vedantam et al. 2015, https://arxiv.org/abs/1411.5726).

The score of the COCO caption evaluation: cosines of n-grams that are weighted by how rare they are among the images; a
repeated n-gram counts at most as often as in the reference, and another length costs. The tests compare with the
results of its published code, pycocoevalcap. Differs: words are given, so there is no tokenizer and no Java.
"""

from collections import Counter
from math import exp, log, sqrt
from typing import NamedTuple

LONGEST = 4  # words of an n-gram
SIGMA = 6.0  # bigrams: width of the Gaussian that punishes another length
FACTOR = 10.0  # of the published score

Gram = tuple[str, ...]


class Vector(NamedTuple):
    """Holds the weights of a caption's n-grams.

    Args:
        weights: for each n from 1 to LONGEST {n-gram: count times log(images / images that have it)}.
        norms: length of each of these vectors.
        bigrams: number of bigrams, which the published code takes for the length of a caption.
    """

    weights: list[dict[Gram, float]]
    norms: list[float]
    bigrams: int


def cider(preds: list[list[str]], references: list[list[list[str]]]) -> float | None:
    """Compute CIDEr-D, the mean over the captions; document frequencies are those of the references.

    Args:
        preds: words of N captions.
        references: words of the references of each of the N captions, one or more.

    Returns:
        Score in [0, 10]; 10 if each caption equals its only reference. None for fewer than two captions, because then
        no n-gram is rarer than another.

    Raises:
        ValueError: if there is not a list of references for each caption.

    Example:
        >>> red, black = ["a", "red", "cat", "sleeps"], ["one", "black", "dog", "runs"]
        >>> round(cider([red, black], [[red], [black]]), 3)
        10.0
        >>> cider([black, red], [[red], [black]])
        0.0
    """
    if len(preds) != len(references):
        raise ValueError(f"CIDEr needs references for each caption, got {len(preds)} and {len(references)}")
    if len(preds) < 2:
        return None
    images = Counter(gram for texts in references for gram in {gram for text in texts for gram in grams(text)})
    rarity = {gram: log(len(references) / count) for gram, count in images.items()}
    unseen = log(len(references))  # of an n-gram that no reference has: as if one image had it
    total = 0.0
    for pred, texts in zip(preds, references, strict=True):
        own = vector(pred, rarity, unseen)
        total += sum(similarity(own, vector(text, rarity, unseen)) for text in texts) / len(texts)
    return FACTOR * total / len(preds)


def grams(words: list[str]) -> Counter[Gram]:
    """Count the n-grams of 1 to LONGEST words.

    Example:
        >>> grams(["a", "cat"])
        Counter({('a',): 1, ('cat',): 1, ('a', 'cat'): 1})
    """
    return Counter(tuple(words[i : i + n]) for n in range(1, LONGEST + 1) for i in range(len(words) - n + 1))


def vector(words: list[str], rarity: dict[Gram, float], unseen: float) -> Vector:
    """Weigh the n-grams of a caption by their rarity, or by `unseen` where no reference has them."""
    weights: list[dict[Gram, float]] = [{} for _ in range(LONGEST)]
    for gram, count in grams(words).items():
        weights[len(gram) - 1][gram] = count * rarity.get(gram, unseen)
    norms = [sqrt(sum(weight * weight for weight in part.values())) for part in weights]
    return Vector(weights, norms, max(0, len(words) - 1))


def similarity(pred: Vector, target: Vector) -> float:
    """Compute the mean over n of the cosines, with clipped weights of `pred`, times the penalty for another length."""
    total = 0.0
    for own, other, own_norm, other_norm in zip(pred.weights, target.weights, pred.norms, target.norms, strict=True):
        if own_norm and other_norm:  # a caption without n-grams, or with none that is rare, has no direction
            shared = sum(min(weight, other[gram]) * other[gram] for gram, weight in own.items() if gram in other)
            total += min(1.0, shared / (own_norm * other_norm))  # Cauchy-Schwarz; rounding may exceed it
    return total / LONGEST * exp(-((pred.bigrams - target.bigrams) ** 2) / (2 * SIGMA**2))
