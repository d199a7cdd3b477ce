"""ROUGE-L of generated captions (Lin 2004, https://aclanthology.org/W04-1013): the longest common subsequence."""

from collections import Counter
from functools import cache

from torchmetrics.functional.text import rouge_score


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
    joined = [tuple(" ".join(words) for words in texts) for texts in references]
    pairs = Counter((" ".join(pred), texts) for pred, texts in zip(preds, joined, strict=True))
    cached = cache(f1)  # milliseconds each, and templated pairs repeat
    best = {(pred, texts): max(cached(pred, text) for text in texts) for pred, texts in pairs}
    return sum(count * best[pair] for pair, count in pairs.items()) / pairs.total()


def f1(pred: str, reference: str) -> float:
    """Compute ROUGE-L F1 of one caption over words separated by spaces; torchmetrics' normaliser would drop `<unk>`."""
    scores = rouge_score(pred, reference, normalizer=str, tokenizer=str.split, rouge_keys="rougeL")
    return float(scores["rougeL_fmeasure"])
