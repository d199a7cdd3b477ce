"""Transformer fusion: self-attention over [CLS; image tokens; words]; z is read at CLS. A strong, simple baseline.

A single-stream encoder as in VisualBERT, Li et al. 2019, https://arxiv.org/abs/1908.03557, and ViLT, Kim et al.
2021, https://arxiv.org/abs/2102.03334, over the tokens of the encoders.
Differs: small and trained from scratch; pre-norm layers, with separate norms for queries and keys; CLS starts as the
sum of the encoders' pooled embeddings, which are tokens too; no positional embeddings beyond those of the encoders;
absent modalities are masked instead of replaced.
An empty CLS reads the mean of about sixty tokens at first, in which an image is hard to tell from another (0.1 % of z's
square, against 6 to 11 % here, of digits): after 300 steps z still held nothing of the image.
"""

import torch
from torch import Tensor, nn

from multimodal.checks import MOST_LAYERS, check_divides, check_whole
from multimodal.fusion.attention import CrossAttention
from multimodal.fusion.layers import check_several, perceptron, stack
from multimodal.types import Encoded, Fused


class TransformerFusion(nn.Module):
    """Fuse by a transformer over one sequence with the tokens of all present modalities.

    Args:
        dim: shared width D.
        modalities: input names, in the order of the sequence.
        num_heads: attention heads, a divisor of D.
        num_layers: layers of the transformer.
        hidden: width of the feed-forward layers and of the projection.

    Raises:
        ValueError: if there are fewer than two modalities, `num_layers` is below 1, or `num_heads` does not divide D.

    Example:
        >>> mask, present = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
        >>> encoded = {m: Encoded(torch.randn(2, 8), torch.randn(2, 3, 8), mask, present) for m in ("image", "text")}
        >>> fusion = TransformerFusion(dim=8, modalities=["image", "text"], num_heads=2, num_layers=1, hidden=16)
        >>> fusion(encoded).z.shape
        torch.Size([2, 8])
    """

    def __init__(self, dim: int, modalities: list[str], num_heads: int, num_layers: int, hidden: int) -> None:
        super().__init__()
        check_whole("fusion", most=MOST_LAYERS, num_layers=num_layers)
        check_whole("fusion", hidden=hidden)
        check_divides("fusion", dim, "dim", num_heads=num_heads)
        self.modalities = check_several(modalities)
        self.cls = nn.Parameter(torch.randn(dim) * 0.02)
        self.modality_embedding = nn.ParameterDict({m: nn.Parameter(torch.randn(dim) * 0.02) for m in modalities})
        self.layers = nn.ModuleList(CrossAttention(dim, num_heads, hidden) for _ in range(num_layers))
        self.norm = nn.LayerNorm(dim)
        self.project = perceptron(dim, hidden, dim)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """Fuse: {name: tokens (B, T, D), token_mask (B, T), pooled (B, D), present (B,)} -> z (B, D)."""
        x, token_mask = self.sequence(encoded)
        for layer in self.layers:
            x, _ = layer(x, x, token_mask)
        return Fused(self.project(self.norm(x[:, 0])))

    def attention_weights(self, encoded: dict[str, Encoded]) -> Tensor:
        """Return the last layer's weights of each word over the image's positions: (B, T, S).

        Weights on other tokens are left out, and rows are scaled to sum to 1.
        """
        x, token_mask = self.sequence(encoded)
        for layer in self.layers:
            x, weights = layer(x, x, token_mask)
        start, spans = 1, {}
        for m in self.modalities:
            length = encoded[m].tokens.shape[1]
            spans[m], start = slice(start + 1, start + 1 + length), start + 1 + length
        to_image = weights.float().mean(1)[:, spans["text"], spans["image"]]  # the mean over the heads
        return to_image / to_image.sum(-1, keepdim=True)

    def sequence(self, encoded: dict[str, Encoded]) -> tuple[Tensor, Tensor]:
        """Return the sequence (B, S, D) and its attention mask (B, S).

        CLS comes first, then of each modality its pooled embedding and its tokens. The mask is False on padding and on
        absent modalities.
        """
        pooled, present = stack(encoded, self.modalities)
        parts = [self.cls + pooled.where(present[..., None], 0).sum(1, keepdim=True)]
        token_mask = [parts[0].new_ones(parts[0].shape[:2], dtype=torch.bool)]
        for m in self.modalities:
            e = encoded[m]
            sequence = torch.cat([e.pooled[:, None], e.tokens], dim=1)
            parts.append((sequence + self.modality_embedding[m]).where(e.present[:, None, None], 0))
            token_mask.append(torch.cat([e.present[:, None], e.token_mask & e.present[:, None]], dim=1))
        return torch.cat(parts, dim=1), torch.cat(token_mask, dim=1)
