"""Learned imputation of an absent modality: one vector for the pooled embedding, one for the only token.

After Parthasarathy & Sundaram 2020, https://arxiv.org/abs/2010.08876 (training with missing
modalities); ours is learned instead of zero.
"""

import torch
from torch import nn

from multimodal.missing.layers import fill
from multimodal.types import Encoded


class Learned(nn.Module):
    """Replaces the embeddings of an absent modality by learned vectors.

    Args:
        dim: shared width D.
        modalities: names of the inputs.
    """

    def __init__(self, dim: int, modalities: list[str]) -> None:
        super().__init__()
        self.modalities = tuple(modalities)
        self.pooled = nn.ParameterDict({m: nn.Parameter(torch.randn(dim) * 0.02) for m in modalities})
        self.token = nn.ParameterDict({m: nn.Parameter(torch.randn(dim) * 0.02) for m in modalities})

    def forward(self, encoded: dict[str, Encoded]) -> dict[str, Encoded]:
        """Impute: {modality: Encoded} -> the same shapes; absent ones get learned vectors and one unmasked token."""
        return {name: fill(e, self.pooled[name], self.token[name]) for name, e in encoded.items()}
