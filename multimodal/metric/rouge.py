"""ROUGE-L of generated captions (Lin 2004, https://aclanthology.org/W04-1013): the longest common subsequence."""

from torchmetrics.functional.text import rouge_score


def rouge_l(written: list[list[str]], references: list[list[str]]) -> float:
    """Mean F1 over the words of N captions, one reference each; 0 for a caption without a word."""
    if len(written) != len(references):
        raise ValueError(f"as many captions as references, got {len(written)} and {len(references)}")
    said, asked = ([" ".join(words) for words in captions] for captions in (written, references))
    # its own normaliser would drop `<unk>` and every letter beyond a to z
    scores = rouge_score(said, asked, normalizer=str, tokenizer=str.split, rouge_keys="rougeL")
    return float(scores["rougeL_fmeasure"])
