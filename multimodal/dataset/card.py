"""The data card: what a run learned from and was measured on, in numbers (Gebru et al. 2021, Datasheets for

Datasets, https://arxiv.org/abs/1803.09010, in short).
"""

import numpy as np

from multimodal.dataset.data import Split
from multimodal.dataset.preparing.vocabulary import Vocabulary, tokenize
from multimodal.types import UNK, CaptionedTask


def make_card(
    told: CaptionedTask,
    splits: dict[str, Split],
    vocabulary: Vocabulary,
    class_names: list[str],
    max_words: int,
    bad_rows: list[dict[str, object]],
) -> dict[str, object]:
    """Return counts and shares, ready for JSON."""
    lengths = {split: word_counts(captions) for split, captions in told.captions.items()}
    read = {split: np.minimum(length, max_words).sum() for split, length in lengths.items()}
    known = set(told.captions["train"])
    return {
        "classes": {split: counts(part, class_names) for split, part in splits.items()},
        "vocabulary": len(vocabulary),
        "captions": {
            split: {
                "words": np.bincount(lengths[split]).tolist(),  # how many captions have 0, 1, 2 ... words
                "cut": share(lengths[split] > max_words),
                "duplicates": 1 - len(set(captions)) / len(captions),
                "unknown_words": float((splits[split].tokens == UNK).sum() / read[split]),
            }
            for split, captions in told.captions.items()
        },
        "test_captions_in_train": share([caption in known for caption in told.captions["test"]]),
        "bad_rows": bad_rows,
    }


def word_counts(captions: list[str]) -> np.ndarray:
    """(N,) words of each caption before it is cut."""
    known = {caption: len(tokenize(caption)) for caption in set(captions)}
    return np.array([known[caption] for caption in captions])


def counts(split: Split, class_names: list[str]) -> dict[str, int]:
    """{class: samples that picture it}."""
    return dict(zip(class_names, np.bincount(split.content, minlength=len(class_names)).tolist(), strict=True))


def share(right: np.ndarray | list[bool]) -> float:
    """Mean of booleans."""
    return float(np.mean(right))
