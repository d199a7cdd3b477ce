"""Gated fusion: each dimension of z is a mixture of the modalities, in shares that depend on the sample.

After Arevalo et al. 2017, Gated Multimodal Units (GMU), https://arxiv.org/abs/1702.01992.
Differs: a softmax over the present modalities, which for two is the paper's sigmoid, so that an absent one
weighs nothing; a perceptron after the unit.
"""

import torch
from torch import nn

from multimodal.fusion.layers import check_several, perceptron, stack
from multimodal.types import Encoded, Fused


class GatedFusion(nn.Module):
    """A gated multimodal unit, then a perceptron with one hidden layer.

    Args:
        dim: shared width D.
        modalities: input names, in the order the gate reads them.
        hidden: width of the hidden layer.
    """

    def __init__(self, dim: int, modalities: list[str], hidden: int) -> None:
        super().__init__()
        self.modalities = check_several(modalities)
        self.maps = nn.ModuleDict({m: nn.Linear(dim, dim) for m in modalities})
        self.gate = nn.Linear(dim * len(modalities), dim * len(modalities))
        self.project = perceptron(dim, hidden, dim)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """{name: pooled (B, D), present (B,)} -> z (B, D)."""
        pooled, present = stack(encoded, self.modalities)
        mapped = torch.stack([self.maps[m](encoded[m].pooled).tanh() for m in self.modalities], dim=1)  # (B, M, D)
        score = self.gate(pooled.flatten(1)).view_as(mapped)
        absent = ~present & present.any(1, keepdim=True)
        share = score.masked_fill(absent[..., None], -torch.inf).softmax(1)
        return Fused(self.project((share * mapped).sum(1)))
