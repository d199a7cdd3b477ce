"""BLEU of generated captions (Papineni et al. 2002, https://aclanthology.org/P02-1040)."""

from nltk.translate.bleu_score import SmoothingFunction, corpus_bleu

WEIGHTS = [tuple([1 / n] * n) for n in range(1, 5)]


def bleu(preds: list[list[str]], target: list[list[str]]) -> dict[str, float]:
    """Compute corpus BLEU-1..4 with nltk's smoothing method 1: words of N captions, one reference each -> `bleu<n>`."""
    if len(preds) != len(target):
        raise ValueError(f"as many captions as references, got {len(preds)} and {len(target)}")
    scores = corpus_bleu([[reference] for reference in target], preds, WEIGHTS, SmoothingFunction().method1)
    return {f"bleu{n}": float(score) for n, score in enumerate(scores, start=1)}
