"""BLEU of generated captions (Papineni et al. 2002, https://aclanthology.org/P02-1040)."""

from nltk.translate.bleu_score import SmoothingFunction, corpus_bleu

WEIGHTS = [tuple([1 / n] * n) for n in range(1, 5)]


def bleu(written: list[list[str]], references: list[list[str]]) -> dict[str, float]:
    """Corpus BLEU with nltk's smoothing method 1: words of N captions, one reference each -> `bleu1`..`bleu4`."""
    if len(written) != len(references):
        raise ValueError(f"as many captions as references, got {len(written)} and {len(references)}")
    scores = corpus_bleu([[reference] for reference in references], written, WEIGHTS, SmoothingFunction().method1)
    return {f"bleu{n}": float(score) for n, score in enumerate(scores, start=1)}
