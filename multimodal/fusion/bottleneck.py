"""Bottleneck fusion: modalities attend to themselves and exchange only through a few shared tokens.

After Nagrani et al. 2021, Attention Bottlenecks for Multimodal Fusion (MBT), https://arxiv.org/abs/2107.00135.
Differs: every layer has the bottleneck, for the encoders are the unimodal layers before; an absent modality
takes no part in the bottleneck's mean; read out as the mean tokens and the encoders' own embeddings.
"""

import torch
from torch import Tensor, nn

from multimodal.checks import check_divides, check_whole
from multimodal.fusion.attention import CrossAttention
from multimodal.fusion.layers import check_several, mean_of_present, perceptron
from multimodal.types import Encoded, Fused, masked_mean


class BottleneckFusion(nn.Module):
    """One transformer a modality, tied by shared tokens.

    Args:
        dim: shared width D.
        modalities: input names.
        bottlenecks: shared tokens.
        num_heads: attention heads, a divisor of D.
        num_layers: of each transformer.
        hidden: width of the feed-forward layers and of the projection.
    """

    def __init__(
        self, dim: int, modalities: list[str], bottlenecks: int, num_heads: int, num_layers: int, hidden: int
    ) -> None:
        super().__init__()
        check_whole("fusion", num_layers=num_layers, bottlenecks=bottlenecks)
        check_divides("fusion", dim, "dim", num_heads=num_heads)
        self.modalities = check_several(modalities)
        self.bottleneck = nn.Parameter(torch.randn(bottlenecks, dim) * 0.02)
        self.layers = nn.ModuleList(
            nn.ModuleDict({m: CrossAttention(dim, num_heads, hidden) for m in modalities}) for _ in range(num_layers)
        )
        self.project = perceptron(dim * (len(modalities) + 1), hidden, dim)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """{name: tokens (B, T, D), token_mask (B, T), pooled (B, D), present (B,)} -> z (B, D)."""
        present = torch.stack([encoded[m].present for m in self.modalities], dim=1)
        tokens = {m: encoded[m].tokens for m in self.modalities}
        shared = self.bottleneck.expand(len(present), -1, -1)  # (B, S, D)
        for layer in self.layers:
            said = []
            for m in self.modalities:
                tokens[m], own = self.exchange(layer[m], tokens[m], shared, encoded[m].token_mask)
                said.append(own)
            shared = mean_of_present(torch.stack(said, dim=1), present)
        own = [encoded[m].pooled + masked_mean(tokens[m], encoded[m].token_mask) for m in self.modalities]
        return Fused(self.project(torch.cat([*own, shared.mean(1)], dim=-1)))

    @staticmethod
    def exchange(layer: CrossAttention, tokens: Tensor, shared: Tensor, token_mask: Tensor) -> tuple[Tensor, Tensor]:
        """A layer over [tokens; bottleneck]: (B, T, D), (B, S, D), (B, T) -> both, changed."""
        x = torch.cat([tokens, shared], dim=1)
        x, _ = layer(x, x, torch.cat([token_mask, token_mask.new_ones(shared.shape[:2])], dim=1))
        return x.split([tokens.shape[1], shared.shape[1]], dim=1)
