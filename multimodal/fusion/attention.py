"""Attention fusion: the tokens of each modality attend to those of the other.

After Tsai et al. 2019, Multimodal Transformer (MulT), https://arxiv.org/abs/1906.00295.
Differs: one width for all modalities; the keys of later layers are the other modality's tokens after the previous
layer, not the encoder's output; no temporal convolution before, no self-attention after, no dropout. No positional
embedding is added here: the encoders add one, except for a CNN, whose tokens carry position only through zero padding
at the borders. The output reads each modality's mean token plus the encoder's pooled embedding (a residual connection).
"""

import math

import torch
from torch import Tensor, nn

from multimodal.checks import MOST_LAYERS, check_divides, check_whole
from multimodal.fusion.layers import check_pair, perceptron
from multimodal.types import Encoded, Fused, masked_mean


class CrossAttention(nn.Module):
    """Apply one pre-norm transformer layer with keys and values from another sequence.

    Args:
        dim: shared width D.
        num_heads: attention heads, a divisor of D.
        hidden: width of the feed-forward layer.

    Example:
        >>> layer = CrossAttention(dim=8, num_heads=2, hidden=16)
        >>> x, weights = layer(torch.randn(2, 3, 8), torch.randn(2, 5, 8), torch.ones(2, 5, dtype=torch.bool))
        >>> x.shape, weights.shape
        (torch.Size([2, 3, 8]), torch.Size([2, 2, 3, 5]))
    """

    def __init__(self, dim: int, num_heads: int, hidden: int) -> None:
        super().__init__()
        self.norm_query = nn.LayerNorm(dim)
        self.norm_key = nn.LayerNorm(dim)
        self.num_heads = num_heads
        self.to_query, self.to_keys_values = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, dim)
        self.feed_forward = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, dim))

    def forward(self, query: Tensor, key: Tensor, token_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Attend from query to key.

        Args:
            query: (B, Tq, D).
            key: (B, Tk, D).
            token_mask: (B, Tk) bool, False for keys to ignore.

        Returns:
            The updated query (B, Tq, D) and each head's attention weights (B, heads, Tq, Tk).
        """
        q = self.to_query(self.norm_query(query)).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
        keys_values = self.to_keys_values(self.norm_key(key)).unflatten(-1, (2, self.num_heads, -1))
        k, v = keys_values.permute(2, 0, 3, 1, 4)  # each (B, heads, Tk, D / heads)
        # by hand: on a CPU the backward pass of PyTorch's fused kernel in bf16 is several times slower
        score = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2)
        weights = score.masked_fill(~token_mask[:, None, None], -torch.inf).softmax(-1)
        query = query + self.out((weights @ v).transpose(1, 2).flatten(2))
        return query + self.feed_forward(query), weights


class AttentionFusion(nn.Module):
    """Fuse two modalities by cross-attention in both directions, then a projection.

    Args:
        dim: shared width D.
        modalities: the two input names.
        num_heads: attention heads, a divisor of D.
        num_layers: cross-attention layers in each direction.
        hidden: width of the feed-forward layers.

    Raises:
        ValueError: if there are not exactly two modalities, `num_layers` is below 1, or `num_heads` does not divide D.

    Example:
        >>> mask, present = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
        >>> encoded = {m: Encoded(torch.randn(2, 8), torch.randn(2, 3, 8), mask, present) for m in ("image", "text")}
        >>> fusion = AttentionFusion(dim=8, modalities=["image", "text"], num_heads=2, num_layers=1, hidden=16)
        >>> fusion(encoded).z.shape
        torch.Size([2, 8])
    """

    def __init__(self, dim: int, modalities: list[str], num_heads: int, num_layers: int, hidden: int) -> None:
        super().__init__()
        check_whole("fusion", most=MOST_LAYERS, num_layers=num_layers)
        check_whole("fusion", hidden=hidden)
        check_divides("fusion", dim, "dim", num_heads=num_heads)
        self.modalities = check_pair(modalities)
        self.layers = nn.ModuleList(
            nn.ModuleDict({m: CrossAttention(dim, num_heads, hidden) for m in modalities}) for _ in range(num_layers)
        )
        self.project = nn.Sequential(nn.LayerNorm(2 * dim), *perceptron(2 * dim, hidden, dim))

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """Fuse: {name: tokens (B, T, D), token_mask (B, T), pooled (B, D)} -> z (B, D)."""
        first, second = self.modalities
        x, y, _ = self.attend(encoded)
        summary = [
            encoded[first].pooled + masked_mean(x, encoded[first].token_mask),
            encoded[second].pooled + masked_mean(y, encoded[second].token_mask),
        ]
        return Fused(self.project(torch.cat(summary, dim=-1)))

    def attend(self, encoded: dict[str, Encoded]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Apply all layers.

        Returns:
            The tokens of the first and the second modality (B, T, D) after the last layer, and its attention weights,
            {querying modality: (B, heads, Tq, Tk)}.
        """
        first, second = self.modalities
        x, y = encoded[first].tokens, encoded[second].tokens
        x_mask, y_mask = encoded[first].token_mask, encoded[second].token_mask
        weights = {}
        for layer in self.layers:  # both directions read the previous layer's output, neither goes first
            assert isinstance(layer, nn.ModuleDict)
            (x, weights[first]), (y, weights[second]) = layer[first](x, y, y_mask), layer[second](y, x, x_mask)
        return x, y, weights

    def attention_weights(self, encoded: dict[str, Encoded]) -> Tensor:
        """Return the last layer's weights of each word over the image's positions, averaged over the heads.

        Returns:
            (B, T, S), rows sum to 1.
        """
        return self.attend(encoded)[2]["text"].float().mean(1)
