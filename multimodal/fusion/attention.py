"""Attention fusion: each modality's tokens query the other's, both ways.

After Tsai et al. 2019, Multimodal Transformer (MulT), https://arxiv.org/abs/1906.00295.
Differs: one width for all; a further layer's keys are the other stream as it is by then, not as the encoder gave
it; no temporal convolution before, no self-attention after, no dropout and no positions of its own: the encoders have
them, but for a CNN, whose tokens tell their place only by what its borders leave in them. The two streams are read out
as their mean token added to the encoder's own pooled embedding, so that what the encoder knew passes unhindered.
"""

import torch
from torch import Tensor, nn

from multimodal.checks import check_divides, check_whole
from multimodal.fusion.layers import perceptron
from multimodal.types import Encoded, Fused, masked_mean


class CrossAttention(nn.Module):
    """One pre-normalised transformer layer whose keys and values come from the other modality.

    Args:
        dim: shared width D.
        num_heads: attention heads, a divisor of D.
        hidden: width of the feed-forward layer.
    """

    def __init__(self, dim: int, num_heads: int, hidden: int) -> None:
        super().__init__()
        self.norm_query = nn.LayerNorm(dim)
        self.norm_key = nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, num_heads, batch_first=True)
        self.feed_forward = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))

    def forward(self, query: Tensor, key: Tensor, token_mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, Tq, D), (B, Tk, D), (B, Tk) bool -> (B, Tq, D) and the weights (B, Tq, Tk), a mean over the heads."""
        keys = self.norm_key(key)
        # asking for the weights avoids the fused kernel, whose backward pass in bf16 is ten times slower on a CPU
        attended, weights = self.attention(self.norm_query(query), keys, keys, key_padding_mask=~token_mask)
        query = query + attended
        return query + self.feed_forward(query), weights


class AttentionFusion(nn.Module):
    """Cross-attention between two modalities in both directions, then a projection.

    Args:
        dim: shared width D.
        modalities: the two input names.
        num_heads: attention heads, a divisor of D.
        num_layers: cross-attention layers in each direction.
        hidden: width of the feed-forward layers.
    """

    def __init__(self, dim: int, modalities: list[str], num_heads: int, num_layers: int, hidden: int) -> None:
        super().__init__()
        if len(modalities) != 2:
            raise ValueError(f"cross-attention fuses exactly two modalities, got {modalities}")
        check_whole("fusion", num_layers=num_layers)
        check_divides("fusion", dim, "dim", num_heads=num_heads)
        self.modalities = tuple(modalities)
        self.layers = nn.ModuleList(
            nn.ModuleDict({m: CrossAttention(dim, num_heads, hidden) for m in modalities}) for _ in range(num_layers)
        )
        self.project = nn.Sequential(nn.LayerNorm(2 * dim), *perceptron(2 * dim, hidden, dim))

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """{name: tokens (B, T, D), token_mask (B, T), pooled (B, D)} -> z (B, D)."""
        first, second = self.modalities
        x, y, _ = self.attend(encoded)
        summary = [
            encoded[first].pooled + masked_mean(x, encoded[first].token_mask),
            encoded[second].pooled + masked_mean(y, encoded[second].token_mask),
        ]
        return Fused(self.project(torch.cat(summary, dim=-1)))

    def attend(self, encoded: dict[str, Encoded]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Both token sequences after the last layer, and its weights: {querying modality: (B, Tq, Tk)}."""
        first, second = self.modalities
        x, y = encoded[first].tokens, encoded[second].tokens
        x_mask, y_mask = encoded[first].token_mask, encoded[second].token_mask
        weights = {}
        for layer in self.layers:  # both directions read the layer before, neither goes first
            (x, weights[first]), (y, weights[second]) = layer[first](x, y, y_mask), layer[second](y, x, x_mask)
        return x, y, weights

    def attention_weights(self, encoded: dict[str, Encoded]) -> Tensor:
        """(B, T, S): how much each word takes from each position of the image, rows sum to 1."""
        return self.attend(encoded)[2]["text"]
