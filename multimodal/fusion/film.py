"""FiLM fusion: the second modality scales and shifts the features of the first.

After Perez et al. 2018, FiLM: Visual Reasoning with a General Conditioning Layer, https://arxiv.org/abs/1709.07871.
Differs: the features are the encoder's tokens, and the blocks are linear instead of convolutional, without coordinate
maps; LayerNorm instead of BatchNorm, which would mix samples; a mean over the positions instead of a maximum; the
projection also reads the encoders' pooled embeddings, because z must also represent the caption.
"""

import torch
from torch import Tensor, nn

from multimodal.checks import MOST_LAYERS, check_whole
from multimodal.fusion.layers import check_pair, perceptron
from multimodal.types import Encoded, Fused, masked_mean


class FiLMBlock(nn.Module):
    """Apply a residual block with features scaled and shifted by a condition.

    Args:
        dim: shared width D.

    Example:
        >>> FiLMBlock(dim=8)(torch.randn(2, 3, 8), torch.randn(2, 8)).shape
        torch.Size([2, 3, 8])
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.enter = nn.Linear(dim, dim)
        self.inner = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim, elementwise_affine=False)  # FiLM's scale and shift follow
        self.film = nn.Linear(dim, 2 * dim)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Modulate: tokens (B, T, D), condition (B, D) -> (B, T, D)."""
        gamma, beta = self.film(condition)[:, None].chunk(2, dim=-1)
        x = self.enter(x).relu()
        return x + ((1 + gamma) * self.norm(self.inner(x)) + beta).relu()


class FiLMFusion(nn.Module):
    """Fuse by modulating the first modality's tokens with the second's embedding, then a projection.

    Args:
        dim: shared width D.
        modalities: the two input names: the modulated modality, then the modulating one.
        blocks: number of FiLM blocks in sequence.
        hidden: width of the projection's hidden layer.

    Raises:
        ValueError: if there are not exactly two modalities, or `blocks` is below 1.

    Example:
        >>> mask, present = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
        >>> encoded = {m: Encoded(torch.randn(2, 8), torch.randn(2, 3, 8), mask, present) for m in ("image", "text")}
        >>> fusion = FiLMFusion(dim=8, modalities=["image", "text"], blocks=1, hidden=16)
        >>> fusion(encoded).z.shape
        torch.Size([2, 8])
    """

    def __init__(self, dim: int, modalities: list[str], blocks: int, hidden: int) -> None:
        super().__init__()
        check_whole("fusion", most=MOST_LAYERS, blocks=blocks)
        self.modalities = check_pair(modalities)
        self.blocks = nn.ModuleList(FiLMBlock(dim) for _ in range(blocks))
        self.project = perceptron(3 * dim, hidden, dim)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """Fuse: {name: tokens (B, T, D) and token_mask (B, T) of the first, pooled (B, D)} -> z (B, D)."""
        first, second = (encoded[m] for m in self.modalities)
        x = first.tokens
        for block in self.blocks:
            x = block(x, second.pooled)
        return Fused(self.project(torch.cat([masked_mean(x, first.token_mask), first.pooled, second.pooled], dim=-1)))
