"""ROUGE-L of generated captions (Lin 2004, https://aclanthology.org/W04-1013): the longest common subsequence."""

from collections import Counter

from torchmetrics.functional.text import rouge_score


def rouge_l(preds: list[list[str]], target: list[list[str]]) -> float:
    """Compute the mean F1 over the words of N captions, one reference each; 0 for a caption without a word."""
    if len(preds) != len(target):
        raise ValueError(f"as many captions as references, got {len(preds)} and {len(target)}")
    pairs = Counter((" ".join(pred), " ".join(reference)) for pred, reference in zip(preds, target, strict=True))
    # templated pairs come again, and it takes milliseconds for each; its normaliser would drop `<unk>`
    settings = {"normalizer": str, "tokenizer": str.split, "rouge_keys": "rougeL"}
    scores = {pair: float(rouge_score(*pair, **settings)["rougeL_fmeasure"]) for pair in pairs}
    return sum(count * scores[pair] for pair, count in pairs.items()) / pairs.total()
