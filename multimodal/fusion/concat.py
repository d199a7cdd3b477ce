"""Concatenation fusion: the pooled embeddings side by side, projected to one vector.

The joint representation of Ngiam et al. 2011, Multimodal Deep Learning (ICML), and the baseline
that every other fusion is compared with.
"""

import torch
from torch import nn

from multimodal.fusion.layers import check_several, perceptron
from multimodal.types import Encoded, Fused


class ConcatFusion(nn.Module):
    """Concatenates and projects by a perceptron with one hidden layer.

    Args:
        dim: shared width D.
        modalities: input names, in the order they are concatenated.
        hidden: width of the hidden layer.
    """

    def __init__(self, dim: int, modalities: list[str], hidden: int) -> None:
        super().__init__()
        self.modalities = check_several(modalities)
        self.project = perceptron(dim * len(modalities), hidden, dim)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """{name: pooled (B, D)} -> z (B, D)."""
        return Fused(self.project(torch.cat([encoded[m].pooled for m in self.modalities], dim=-1)))
