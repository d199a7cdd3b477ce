"""Bottleneck fusion: each modality attends to itself; information is exchanged only through a few shared tokens.

After Nagrani et al. 2021, Attention Bottlenecks for Multimodal Fusion (MBT), https://arxiv.org/abs/2107.00135.
Differs: every layer has the bottleneck, because the encoders are the unimodal layers before it; an absent modality
is left out of the mean over bottleneck tokens; the output reads the mean tokens and the encoders' pooled embeddings.
"""

import torch
from torch import Tensor, nn

from multimodal.checks import MOST_LAYERS, check_divides, check_whole
from multimodal.fusion.attention import CrossAttention
from multimodal.fusion.layers import check_several, mean_of_present, perceptron
from multimodal.types import Encoded, Fused, masked_mean


class BottleneckFusion(nn.Module):
    """Fuse by one transformer per modality, connected by shared tokens.

    Args:
        dim: shared width D.
        modalities: input names.
        bottlenecks: number of shared tokens.
        num_heads: attention heads, a divisor of D.
        num_layers: layers of each transformer.
        hidden: width of the feed-forward layers and of the projection.

    Raises:
        ValueError: if there are fewer than two modalities, a number is below 1, or `num_heads` does not divide D.

    Example:
        >>> mask, present = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
        >>> encoded = {m: Encoded(torch.randn(2, 8), torch.randn(2, 3, 8), mask, present) for m in ("image", "text")}
        >>> sizes = {"dim": 8, "bottlenecks": 2, "num_heads": 2, "num_layers": 1, "hidden": 16}
        >>> fusion = BottleneckFusion(modalities=["image", "text"], **sizes)
        >>> fusion(encoded).z.shape
        torch.Size([2, 8])
    """

    def __init__(
        self, dim: int, modalities: list[str], bottlenecks: int, num_heads: int, num_layers: int, hidden: int
    ) -> None:
        super().__init__()
        check_whole("fusion", most=MOST_LAYERS, num_layers=num_layers)
        check_whole("fusion", hidden=hidden)
        check_whole("fusion", bottlenecks=bottlenecks)
        check_divides("fusion", dim, "dim", num_heads=num_heads)
        self.modalities = check_several(modalities)
        self.bottleneck = nn.Parameter(torch.randn(bottlenecks, dim) * 0.02)
        self.layers = nn.ModuleList(
            nn.ModuleDict({m: CrossAttention(dim, num_heads, hidden) for m in modalities}) for _ in range(num_layers)
        )
        self.project = perceptron(dim * (len(modalities) + 1), hidden, dim)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """Fuse: {name: tokens (B, T, D), token_mask (B, T), pooled (B, D), present (B,)} -> z (B, D)."""
        present = torch.stack([encoded[m].present for m in self.modalities], dim=1)
        tokens = {m: encoded[m].tokens for m in self.modalities}
        shared = self.bottleneck.expand(present.shape[0], -1, -1)  # (B, S, D)
        for layer in self.layers:
            assert isinstance(layer, nn.ModuleDict)
            updates = []
            for m in self.modalities:
                tokens[m], update = self.exchange(layer[m], tokens[m], shared, encoded[m].token_mask)
                updates.append(update)
            shared = mean_of_present(torch.stack(updates, dim=1), present)
        summary = [encoded[m].pooled + masked_mean(tokens[m], encoded[m].token_mask) for m in self.modalities]
        return Fused(self.project(torch.cat([*summary, shared.mean(1)], dim=-1)))

    @staticmethod
    def exchange(layer: nn.Module, tokens: Tensor, shared: Tensor, token_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Apply one layer to [tokens; bottleneck].

        Args:
            layer: a `CrossAttention`.
            tokens: (B, T, D), one modality's tokens.
            shared: (B, S, D), bottleneck tokens.
            token_mask: (B, T) bool, False on padding.

        Returns:
            The updated tokens (B, T, D) and bottleneck tokens (B, S, D).
        """
        x = torch.cat([tokens, shared], dim=1)
        x, _ = layer(x, x, torch.cat([token_mask, token_mask.new_ones(shared.shape[:2])], dim=1))
        return x.split([tokens.shape[1], shared.shape[1]], dim=1)
