"""The data card: statistics of the data that a run was trained and evaluated on.

A short form of Gebru et al. 2021, Datasheets for Datasets, https://arxiv.org/abs/1803.09010.
"""

from typing import Any

import numpy as np

from multimodal.dataset.data import Split
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.types import UNK, Limits
from multimodal.words import cut_words, tokenize


def make_card(
    captions: dict[str, list[str]],
    limits: Limits,
    splits: dict[str, Split],
    vocabulary: Vocabulary,
    class_names: list[str],
    max_words: int,
    bad_rows: list[dict[str, object]],
) -> dict[str, Any]:
    """Compute the statistics of a dataset, ready for JSON.

    Args:
        captions: {split: captions before truncation}.
        limits: the expected accuracies that the task allows.
        splits: {split: Split}.
        vocabulary: words of the training captions.
        class_names: names of the pictured classes.
        max_words: captions are truncated to this many words.
        bad_rows: rows that were skipped.

    Returns:
        `classes` {split: {class: samples}}; `vocabulary`, its size; `captions` {split: {"words": number of captions
        with 0, 1, 2 … words, "cut": share of truncated captions, "duplicates": share of captions that repeat another,
        "unknown_words": share of words outside the vocabulary}}; `dropped_words`, how many different words of the
        training captions, as they are read, the vocabulary leaves out; `cut_words`, how many different words of all
        captions are longer than is read, of which those with an equal beginning become one;
        `test_captions_in_train`, a share; `bad_rows`; `task` {"chance", "ceiling", "image_ceiling", "text_ceiling",
        "product_ceiling": expected accuracy of ideal answers, or the reason why it is unknown}.
    """
    lengths = {split: word_counts(texts) for split, texts in captions.items()}
    read = {split: np.minimum(length, max_words).sum() for split, length in lengths.items()}
    train = set(captions["train"])
    words = {word for caption in train for word in tokenize(caption)[:max_words]}
    return {
        "classes": {split: class_counts(part, class_names) for split, part in splits.items()},
        "vocabulary": len(vocabulary),
        "dropped_words": len(words - vocabulary.numbers.keys()),
        "cut_words": len(cut_words({text for texts in captions.values() for text in texts})),
        "captions": {
            split: {
                "words": np.bincount(lengths[split]).tolist(),  # how many captions have 0, 1, 2 ... words
                "cut": share(lengths[split] > max_words),
                "duplicates": 1 - len(set(texts)) / len(texts),
                "unknown_words": float((splits[split].tokens == UNK).sum() / read[split]),
            }
            for split, texts in captions.items()
        },
        "test_captions_in_train": share([caption in train for caption in captions["test"]]),
        "bad_rows": bad_rows,
        "task": limits.named(),
    }


def word_counts(captions: list[str]) -> np.ndarray:
    """Count the words of N captions before truncation: (N,) int."""
    lengths = {caption: len(tokenize(caption)) for caption in set(captions)}
    return np.array([lengths[caption] for caption in captions])


def class_counts(split: Split, class_names: list[str]) -> dict[str, int]:
    """Count the samples of each pictured class: {class: samples}."""
    return dict(zip(class_names, np.bincount(split.content, minlength=len(class_names)).tolist(), strict=True))


def share(values: np.ndarray | list[bool]) -> float:
    """Compute the share of True values."""
    return float(np.mean(values))
