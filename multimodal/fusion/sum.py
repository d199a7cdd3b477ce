"""Sum fusion: the mean of the present modalities' embeddings after a linear map of each.

The "sum" of the architectures compared in Baltrusaitis et al. 2019, Multimodal Machine Learning: A Survey,
https://arxiv.org/abs/1705.09406, section on joint representations.
Differs: a mean over the present modalities, so that a missing one does not change the scale.
"""

import torch
from torch import nn

from multimodal.fusion.layers import check_several, mean_of_present, perceptron
from multimodal.types import Encoded, Fused


class SumFusion(nn.Module):
    """Fuse by a linear map of each embedding, their mean, and a perceptron with one hidden layer.

    Args:
        dim: shared width D.
        modalities: input names.
        hidden: width of the hidden layer.

    Raises:
        ValueError: if there are fewer than two modalities or a name is repeated.

    Example:
        >>> mask, present = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
        >>> encoded = {m: Encoded(torch.randn(2, 8), torch.randn(2, 3, 8), mask, present) for m in ("image", "text")}
        >>> fusion = SumFusion(dim=8, modalities=["image", "text"], hidden=16)
        >>> fusion(encoded).z.shape
        torch.Size([2, 8])
    """

    def __init__(self, dim: int, modalities: list[str], hidden: int) -> None:
        super().__init__()
        self.modalities = check_several(modalities)
        self.maps = nn.ModuleDict({m: nn.Linear(dim, dim) for m in modalities})
        self.project = perceptron(dim, hidden, dim)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """Fuse: {name: pooled (B, D), present (B,)} -> z (B, D)."""
        mapped = torch.stack([self.maps[m](encoded[m].pooled) for m in self.modalities], dim=1)  # (B, M, D)
        present = torch.stack([encoded[m].present for m in self.modalities], dim=1)
        return Fused(self.project(mean_of_present(mapped, present)))
