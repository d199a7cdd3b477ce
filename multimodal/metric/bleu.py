"""BLEU of generated captions (Papineni et al. 2002, https://aclanthology.org/P02-1040)."""

from nltk.translate.bleu_score import SmoothingFunction, corpus_bleu

WEIGHTS = [tuple([1 / n] * n) for n in range(1, 5)]


def bleu(preds: list[list[str]], target: list[list[str]]) -> dict[str, float]:
    """Compute corpus BLEU-1 to BLEU-4 with nltk's smoothing method 1.

    Args:
        preds: words of N captions.
        target: words of N references, one for each caption.

    Returns:
        `bleu1`, `bleu2`, `bleu3` and `bleu4`, each in [0, 1].

    Raises:
        ValueError: if the numbers of captions and references differ.

    Example:
        >>> bleu([["a", "red", "cat", "sleeps"]], [["a", "red", "cat", "sleeps"]])
        {'bleu1': 1.0, 'bleu2': 1.0, 'bleu3': 1.0, 'bleu4': 1.0}
        >>> bleu([["a", "red", "cat", "runs"]], [["a", "red", "cat", "sleeps"]])["bleu1"]  # 3 of 4 words
        0.75
    """
    if len(preds) != len(target):
        raise ValueError(f"BLEU needs one reference per caption, got {len(preds)} and {len(target)}")
    scores = corpus_bleu([[reference] for reference in target], preds, WEIGHTS, SmoothingFunction().method1)
    return {f"bleu{n}": float(score) for n, score in enumerate(scores, start=1)}
