"""ROUGE-L of generated captions (Lin 2004, https://aclanthology.org/W04-1013): the longest common subsequence."""

from collections import Counter
from collections.abc import Sequence


def rouge_l(preds: list[list[str]], references: list[list[list[str]]]) -> float:
    """Compute the mean over captions of the best ROUGE-L F1 with a reference; an empty caption scores 0.

    Args:
        preds: words of N captions.
        references: words of the references of each of the N captions, one or more.

    Returns:
        Mean F1 in [0, 1].

    Raises:
        ValueError: if there is not a list of references for each caption.

    Example:
        >>> round(rouge_l([["a", "big", "cat"]], [[["a", "cat"]]]), 4)  # precision 2/3, recall 1
        0.8
    """
    if len(preds) != len(references):
        raise ValueError(f"ROUGE-L needs references for each caption, got {len(preds)} and {len(references)}")
    pairs = Counter((tuple(pred), tuple(map(tuple, texts))) for pred, texts in zip(preds, references, strict=True))
    best = {(pred, texts): max(f1(pred, text) for text in texts) for pred, texts in pairs}  # templated pairs repeat
    return sum(count * best[pair] for pair, count in pairs.items()) / pairs.total()


def f1(pred: Sequence[str], reference: Sequence[str]) -> float:
    """Compute ROUGE-L F1 of one caption: the harmonic mean of the subsequence's shares of the two captions.

    Example:
        >>> round(f1("a big cat".split(), "a cat".split()), 4)
        0.8
    """
    return 2 * longest_common(pred, reference) / max(1, len(pred) + len(reference))


def longest_common(x: Sequence[str], y: Sequence[str]) -> int:
    """Count the words of the longest common subsequence, all cells of a row of the usual table at once, as bits.

    After Hyyrö 2004, Bit-parallel LCS-length computation revisited. The time of the table grows with the square of the
    captions' length.

    Example:
        >>> longest_common("a big red cat".split(), "a red big cat".split())
        3
    """
    places: dict[str, int] = {}  # {word: a bit for each of its places in x}
    for i, word in enumerate(x):
        places[word] = places.get(word, 0) | 1 << i
    row = every = (1 << len(x)) - 1
    for word in y:
        matched = row & places.get(word, 0)
        row = (row + matched | row - matched) & every
    return len(x) - row.bit_count()
