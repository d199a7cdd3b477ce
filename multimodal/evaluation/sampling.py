"""Which test samples are audited and shown: the same for every run with the same seed."""

import torch
from torch import Tensor


def per_class(label: Tensor, count: int, seed: int) -> dict[int, list[int]]:
    """{class: at most `count` rows of it} in the order of classes; (N,) labels, absent classes left out."""
    order = torch.randperm(len(label), generator=torch.Generator().manual_seed(seed))
    drawn = label[order]
    return {int(k): order[drawn == k][:count].tolist() for k in label.unique(sorted=True)}


def spread(label: Tensor, count: int, seed: int) -> list[int]:
    """At most `count` rows of (N,) labels, by class: of many classes some, evenly apart; of few, several rows each."""
    drawn = per_class(label, count, seed)
    step = max(1.0, len(drawn) / count)
    asked = [list(drawn)[int(i * step)] for i in range(min(count, len(drawn)))]
    turns = [(k, drawn[k][i]) for i in range(count) for k in asked if i < len(drawn[k])][:count]
    return [row for _, row in sorted(turns, key=lambda turn: turn[0])]


def some(size: int, count: int, seed: int) -> Tensor:
    """At most `count` of `size` rows, in ascending order."""
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed))
    return order[:count].sort().values
