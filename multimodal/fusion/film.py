"""FiLM fusion: the second modality scales and shifts the features of the first.

After Perez et al. 2018, FiLM: Visual Reasoning with a General Conditioning Layer, https://arxiv.org/abs/1709.07871.
Differs: the features are the encoder's tokens and the blocks linear instead of convolutional, without coordinate
maps; LayerNorm for BatchNorm, which would mix samples; a mean over the places instead of a maximum; the encoders' own
embeddings are read beside the modulated features, for z must tell of the caption as well.
"""

import torch
from torch import Tensor, nn

from multimodal.checks import check_whole
from multimodal.fusion.layers import perceptron
from multimodal.types import Encoded, Fused, masked_mean


class FiLMBlock(nn.Module):
    """A residual block whose normalised features are scaled and shifted by a condition.

    Args:
        dim: shared width D.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.enter = nn.Linear(dim, dim)
        self.inner = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim, elementwise_affine=False)  # FiLM's own scale and shift follow
        self.film = nn.Linear(dim, 2 * dim)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(B, T, D), (B, D) -> (B, T, D)."""
        gamma, beta = self.film(condition)[:, None].chunk(2, dim=-1)
        x = self.enter(x).relu()
        return x + ((1 + gamma) * self.norm(self.inner(x)) + beta).relu()


class FiLMFusion(nn.Module):
    """Modulates the first modality's tokens by the second's embedding, then projects.

    Args:
        dim: shared width D.
        modalities: the two input names: what is modulated, and by what.
        blocks: one after the other.
        hidden: width of the projection's hidden layer.
    """

    def __init__(self, dim: int, modalities: list[str], blocks: int, hidden: int) -> None:
        super().__init__()
        if len(modalities) != 2:
            raise ValueError(f"FiLM takes exactly two modalities, got {modalities}")
        check_whole("fusion", blocks=blocks)
        self.modalities = tuple(modalities)
        self.blocks = nn.ModuleList(FiLMBlock(dim) for _ in range(blocks))
        self.project = perceptron(3 * dim, hidden, dim)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """{name: tokens (B, T, D) of the first, pooled (B, D)} -> z (B, D)."""
        first, second = (encoded[m] for m in self.modalities)
        x = first.tokens
        for block in self.blocks:
            x = block(x, second.pooled)
        return Fused(self.project(torch.cat([masked_mean(x, first.token_mask), first.pooled, second.pooled], dim=-1)))
