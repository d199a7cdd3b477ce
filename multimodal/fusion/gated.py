"""Gated fusion: each dimension is a convex combination of the modalities, with weights that depend on the sample.

After Arevalo et al. 2017, Gated Multimodal Units (GMU), https://arxiv.org/abs/1702.01992.
Differs: a softmax over the present modalities, so that an absent one has weight 0 (for two modalities it equals the
paper's sigmoid); a perceptron after the unit.
"""

import torch
from torch import nn

from multimodal.fusion.layers import check_several, perceptron, stack
from multimodal.types import Encoded, Fused


class GatedFusion(nn.Module):
    """Fuse by a gated multimodal unit, then a perceptron with one hidden layer.

    Args:
        dim: shared width D.
        modalities: input names, in the order the gate reads them.
        hidden: width of the hidden layer.

    Raises:
        ValueError: if there are fewer than two modalities or a name is repeated.

    Example:
        >>> mask, present = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
        >>> encoded = {m: Encoded(torch.randn(2, 8), torch.randn(2, 3, 8), mask, present) for m in ("image", "text")}
        >>> fusion = GatedFusion(dim=8, modalities=["image", "text"], hidden=16)
        >>> fusion(encoded).z.shape
        torch.Size([2, 8])
    """

    def __init__(self, dim: int, modalities: list[str], hidden: int) -> None:
        super().__init__()
        self.modalities = check_several(modalities)
        self.maps = nn.ModuleDict({m: nn.Linear(dim, dim) for m in modalities})
        self.gate = nn.Linear(dim * len(modalities), dim * len(modalities))
        self.project = perceptron(dim, hidden, dim)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """Fuse: {name: pooled (B, D), present (B,)} -> z (B, D)."""
        pooled, present = stack(encoded, self.modalities)
        mapped = torch.stack([self.maps[m](encoded[m].pooled).tanh() for m in self.modalities], dim=1)  # (B, M, D)
        score = self.gate(pooled.flatten(1)).view_as(mapped)
        absent = ~present & present.any(1, keepdim=True)
        weight = score.masked_fill(absent[..., None], -torch.inf).softmax(1)
        return Fused(self.project((weight * mapped).sum(1)))
