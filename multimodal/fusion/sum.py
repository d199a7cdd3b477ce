"""Sum fusion: the mean of what the present modalities' embeddings become after a map of their own.

The "sum" of the architectures compared in Baltrusaitis et al. 2019, Multimodal Machine Learning: A Survey,
https://arxiv.org/abs/1705.09406, section on joint representations.
Differs: a mean over the present ones, so that a missing modality changes no scale.
"""

import torch
from torch import nn

from multimodal.fusion.layers import check_several, mean_of_present, perceptron
from multimodal.types import Encoded, Fused


class SumFusion(nn.Module):
    """Maps each embedding linearly, averages, and projects by a perceptron with one hidden layer.

    Args:
        dim: shared width D.
        modalities: input names.
        hidden: width of the hidden layer.
    """

    def __init__(self, dim: int, modalities: list[str], hidden: int) -> None:
        super().__init__()
        self.modalities = check_several(modalities)
        self.maps = nn.ModuleDict({m: nn.Linear(dim, dim) for m in modalities})
        self.project = perceptron(dim, hidden, dim)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """{name: pooled (B, D), present (B,)} -> z (B, D)."""
        mapped = torch.stack([self.maps[m](encoded[m].pooled) for m in self.modalities], dim=1)  # (B, M, D)
        present = torch.stack([encoded[m].present for m in self.modalities], dim=1)
        return Fused(self.project(mean_of_present(mapped, present)))
