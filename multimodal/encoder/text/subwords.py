"""Captions as the subwords of a pretrained tokenizer: its numbers plus one, so that 0 is always padding."""

import torch
from torch import Tensor

PADDING = 0


def pad_subwords(captions: list[list[int]]) -> Tensor:
    """Pad N lists of a tokenizer's numbers: -> (N, S) int32, each number plus one, then 0.

    Example:
        >>> pad_subwords([[0, 7], [5]])
        tensor([[1, 8],
                [6, 0]], dtype=torch.int32)
    """
    rows = torch.full((len(captions), max([1, *map(len, captions)])), PADDING, dtype=torch.int32)
    for row, numbers in zip(rows, captions, strict=True):
        row[: len(numbers)] = torch.tensor(numbers, dtype=torch.int32) + 1
    return rows


def split_subwords(subwords: Tensor) -> tuple[Tensor, Tensor]:
    """Return a tokenizer's numbers, 0 on padding, and where there is none: (B, S) -> (B, S) int64, (B, S) bool."""
    return (subwords - 1).clamp(min=0).long(), subwords != PADDING


def some_unmasked(mask: Tensor) -> Tensor:
    """Return the mask (B, S) bool with its first place True where a row, such as an absent caption's, has none."""
    first = torch.arange(mask.shape[1], device=mask.device) == 0
    return mask | (first & ~mask.any(1, keepdim=True))
