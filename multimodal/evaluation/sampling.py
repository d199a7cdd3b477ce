"""Selection of the test samples to measure and display: the same for every run with the same seed."""

import torch
from torch import Tensor


def sample_per_class(label: Tensor, count: int, seed: int) -> dict[int, list[int]]:
    """Draw at most `count` rows of each class: (N,) labels -> {class: rows}, in the order of the classes."""
    order = torch.randperm(len(label), generator=torch.Generator().manual_seed(seed))
    shuffled = label[order]
    return {int(k): order[shuffled == k][:count].tolist() for k in label.unique(sorted=True)}


def sample_evenly(label: Tensor, count: int, seed: int) -> list[int]:
    """Pick at most `count` rows of (N,) labels, spread over the classes and sorted by class.

    If there are many classes, an even subset of them; if there are few, several rows of each.
    """
    rows = sample_per_class(label, count, seed)
    step = max(1.0, len(rows) / count)
    classes = [list(rows)[int(i * step)] for i in range(min(count, len(rows)))]
    turns = [(k, rows[k][i]) for i in range(min(count, len(label))) for k in classes if i < len(rows[k])][:count]
    return [row for _, row in sorted(turns, key=lambda turn: turn[0])]


def sample_rows(size: int, count: int, seed: int) -> Tensor:
    """Draw at most `count` of `size` rows: (n,) int64 in ascending order."""
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed))
    return order[:count].sort().values
