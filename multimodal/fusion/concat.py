"""Concatenation fusion: the pooled embeddings are concatenated and projected to one vector.

The joint representation of Ngiam et al. 2011, Multimodal Deep Learning (ICML): the baseline for
every other fusion.
"""

import torch
from torch import nn

from multimodal.fusion.layers import check_several, perceptron
from multimodal.types import Encoded, Fused


class ConcatFusion(nn.Module):
    """Fuse by concatenation and a perceptron with one hidden layer.

    Args:
        dim: shared width D.
        modalities: input names, in the order they are concatenated.
        hidden: width of the hidden layer.

    Raises:
        ValueError: if there are fewer than two modalities or a name is repeated.

    Example:
        >>> mask, present = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
        >>> encoded = {m: Encoded(torch.randn(2, 8), torch.randn(2, 3, 8), mask, present) for m in ("image", "text")}
        >>> fusion = ConcatFusion(dim=8, modalities=["image", "text"], hidden=16)
        >>> fusion(encoded).z.shape
        torch.Size([2, 8])
    """

    def __init__(self, dim: int, modalities: list[str], hidden: int) -> None:
        super().__init__()
        self.modalities = check_several(modalities)
        self.project = perceptron(dim * len(modalities), hidden, dim)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """Fuse: {name: pooled (B, D)} -> z (B, D)."""
        return Fused(self.project(torch.cat([encoded[m].pooled for m in self.modalities], dim=-1)))
