"""Blind baselines: predictions that need neither the image nor the caption.

Three use no test label (the most frequent caption, a random training caption, the mean image); two
are told the class (its most frequent caption, its mean image) and stand in the table beside them.
"""

from collections import Counter

import torch
from torch import Tensor


def most_frequent(rows: Tensor) -> Tensor:
    """Find the commonest row, the smallest of equally common ones: (N, T) tokens -> (T,)."""
    counts = Counter(map(tuple, rows.tolist()))
    return torch.tensor(min(counts, key=lambda row: (-counts[row], row)))


def blind_captions(train: Tensor, size: int, seed: int) -> dict[str, Tensor]:
    """Choose captions without an input: from the training captions (N, T) -> {baseline: (size, T) tokens}."""
    drawn = torch.randint(len(train), (size,), generator=torch.Generator().manual_seed(seed))
    return {"frequent_caption": most_frequent(train).expand(size, -1), "random_caption": train[drawn].long()}


def class_captions(train: Tensor, train_content: Tensor, content: Tensor) -> Tensor:
    """Find the most frequent training caption of each test sample's class (of all if training lacks it): -> (N, T)."""
    of_class = {c: train_content == c for c in content.unique().tolist()}
    table = {c: most_frequent(train[rows] if rows.any() else train) for c, rows in of_class.items()}
    return torch.stack([table[c] for c in content.tolist()])


def class_images(train: Tensor, train_content: Tensor, content: Tensor) -> Tensor:
    """Average the training images (uint8) of each test sample's class (all if training lacks it): -> (N, C, H, W)."""
    table = torch.zeros(int(content.max()) + 1, *train.shape[1:])
    for c in content.unique().tolist():
        rows = train_content == c
        table[c] = (train[rows] if rows.any() else train).float().mean(0) / 255
    return table[content]


def chance_level(label: Tensor) -> float:
    """Compute the share of the most frequent label: the accuracy of a constant answer."""
    return float(torch.bincount(label).max() / len(label))
