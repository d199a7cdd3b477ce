"""BLEU of generated captions (Papineni et al. 2002, https://aclanthology.org/P02-1040)."""

from nltk.translate.bleu_score import SmoothingFunction, corpus_bleu

WEIGHTS = [tuple([1 / n] * n) for n in range(1, 5)]


def bleu(preds: list[list[str]], references: list[list[list[str]]]) -> dict[str, float]:
    """Compute corpus BLEU-1 to BLEU-4 with nltk's smoothing method 1.

    Args:
        preds: words of N captions.
        references: words of the references of each of the N captions, one or more.

    Returns:
        `bleu1`, `bleu2`, `bleu3` and `bleu4`, each in [0, 1].

    Raises:
        ValueError: if there is not a list of references for each caption.

    Example:
        >>> bleu([["a", "red", "cat", "sleeps"]], [[["a", "red", "cat", "sleeps"]]])
        {'bleu1': 1.0, 'bleu2': 1.0, 'bleu3': 1.0, 'bleu4': 1.0}
        >>> bleu([["a", "red", "cat", "runs"]], [[["a", "red", "cat", "sleeps"]]])["bleu1"]  # 3 of 4 words
        0.75
    """
    if len(preds) != len(references):
        raise ValueError(f"BLEU needs references for each caption, got {len(preds)} and {len(references)}")
    scores = corpus_bleu(references, preds, WEIGHTS, SmoothingFunction().method1)
    return {f"bleu{n}": float(score) for n, score in enumerate(scores, start=1)}
