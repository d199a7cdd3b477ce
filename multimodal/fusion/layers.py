"""What several fusions are made of."""

import torch
from torch import Tensor, nn

from multimodal.types import Encoded


def perceptron(inputs: int, hidden: int, dim: int) -> nn.Sequential:
    """One hidden layer; what leaves it is normalised, so that every fusion speaks to the heads at one loudness."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, dim), nn.LayerNorm(dim))


def check_several(modalities: list[str]) -> tuple[str, ...]:
    """The names, if there is something to fuse."""
    if len(set(modalities)) < max(2, len(modalities)):
        raise ValueError(f"fusion needs two or more different modalities, got {modalities}")
    return tuple(modalities)


def stack(encoded: dict[str, Encoded], modalities: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Pooled embeddings (B, M, D) and who is present (B, M), in this order."""
    pooled = torch.stack([encoded[m].pooled for m in modalities], dim=1)
    return pooled, torch.stack([encoded[m].present for m in modalities], dim=1)


def mean_of_present(x: Tensor, present: Tensor) -> Tensor:
    """(B, M, ...), (B, M) -> (B, ...); nothing of an absent one, 0 where all are."""
    weight = present.to(x.dtype) / present.sum(1, keepdim=True).clamp(min=1)
    return (x * weight.view(*present.shape, *[1] * (x.ndim - 2))).sum(
        1
    )  # no matrix product, which autocast would round
