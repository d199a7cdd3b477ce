"""ROUGE-L of generated captions (Lin 2004, https://aclanthology.org/W04-1013): the longest common subsequence."""

from collections import Counter

from torchmetrics.functional.text import rouge_score


def rouge_l(preds: list[list[str]], target: list[list[str]]) -> float:
    """Compute the mean ROUGE-L F1 over captions; an empty caption scores 0.

    Args:
        preds: words of N captions.
        target: words of N references, one for each caption.

    Returns:
        Mean F1 in [0, 1].

    Raises:
        ValueError: if the numbers of captions and references differ.

    Example:
        >>> round(rouge_l([["a", "big", "cat"]], [["a", "cat"]]), 4)  # precision 2/3, recall 1
        0.8
    """
    if len(preds) != len(target):
        raise ValueError(f"ROUGE-L needs one reference per caption, got {len(preds)} and {len(target)}")
    pairs = Counter((" ".join(pred), " ".join(reference)) for pred, reference in zip(preds, target, strict=True))
    scores = {pair: f1(*pair) for pair in pairs}  # milliseconds each, and templated pairs repeat
    return sum(count * scores[pair] for pair, count in pairs.items()) / pairs.total()


def f1(pred: str, reference: str) -> float:
    """Compute ROUGE-L F1 of one caption over words separated by spaces; torchmetrics' normaliser would drop `<unk>`."""
    scores = rouge_score(pred, reference, normalizer=str, tokenizer=str.split, rouge_keys="rougeL")
    return float(scores["rougeL_fmeasure"])
