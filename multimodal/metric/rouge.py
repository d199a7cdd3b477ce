"""ROUGE-L of generated captions (Lin 2004, https://aclanthology.org/W04-1013): the longest common subsequence."""

from collections import Counter

from torchmetrics.functional.text import rouge_score


def rouge_l(written: list[list[str]], references: list[list[str]]) -> float:
    """Mean F1 over the words of N captions, one reference each; 0 for a caption without a word."""
    if len(written) != len(references):
        raise ValueError(f"as many captions as references, got {len(written)} and {len(references)}")
    pairs = Counter((" ".join(said), " ".join(asked)) for said, asked in zip(written, references, strict=True))
    # templated pairs come again, and it takes milliseconds for each; its normaliser would drop `<unk>`
    settings = {"normalizer": str, "tokenizer": str.split, "rouge_keys": "rougeL"}
    scores = {pair: float(rouge_score(*pair, **settings)["rougeL_fmeasure"]) for pair in pairs}
    return sum(count * scores[pair] for pair, count in pairs.items()) / pairs.total()
