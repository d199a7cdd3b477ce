"""Transformer fusion: self-attention over [CLS; image tokens; words], read at CLS. The strong plain baseline.

A single-stream encoder as in VisualBERT, Li et al. 2019, https://arxiv.org/abs/1908.03557, and ViLT, Kim et al.
2021, https://arxiv.org/abs/2102.03334, over the tokens of the encoders.
Differs: from scratch and small, layers pre-normalised, queries and keys by norms of their own; the encoders' pooled
embeddings are tokens, too; no positions are added to those that the encoders give; what is absent is masked instead
of replaced.
"""

import torch
from torch import Tensor, nn

from multimodal.checks import check_divides, check_whole
from multimodal.fusion.attention import CrossAttention
from multimodal.fusion.layers import check_several, perceptron
from multimodal.types import Encoded, Fused


class TransformerFusion(nn.Module):
    """Joins the tokens of all present modalities in one sequence.

    Args:
        dim: shared width D.
        modalities: input names, in the order of the sequence.
        num_heads: attention heads, a divisor of D.
        num_layers: of the transformer.
        hidden: width of the feed-forward layers and of the projection.
    """

    def __init__(self, dim: int, modalities: list[str], num_heads: int, num_layers: int, hidden: int) -> None:
        super().__init__()
        check_whole("fusion", num_layers=num_layers)
        check_divides("fusion", dim, "dim", num_heads=num_heads)
        self.modalities = check_several(modalities)
        self.cls = nn.Parameter(torch.randn(dim) * 0.02)
        self.kind = nn.ParameterDict({m: nn.Parameter(torch.randn(dim) * 0.02) for m in modalities})
        self.layers = nn.ModuleList(CrossAttention(dim, num_heads, hidden) for _ in range(num_layers))
        self.norm = nn.LayerNorm(dim)
        self.project = perceptron(dim, hidden, dim)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """{name: tokens (B, T, D), token_mask (B, T), pooled (B, D), present (B,)} -> z (B, D)."""
        x, token_mask = self.sequence(encoded)
        for layer in self.layers:
            x, _ = layer(x, x, token_mask)
        return Fused(self.project(self.norm(x[:, 0])))

    def attention_weights(self, encoded: dict[str, Encoded]) -> Tensor:
        """(B, T, S): how each word shares what it takes from the image out over its positions, rows sum to 1."""
        x, token_mask = self.sequence(encoded)
        for layer in self.layers:
            x, weights = layer(x, x, token_mask)
        start, spans = 1, {}
        for m in self.modalities:
            length = encoded[m].tokens.shape[1]
            spans[m], start = slice(start + 1, start + 1 + length), start + 1 + length
        seen = weights[:, spans["text"], spans["image"]]
        return seen / seen.sum(-1, keepdim=True)

    def sequence(self, encoded: dict[str, Encoded]) -> tuple[Tensor, Tensor]:
        """(B, S, D) and what may be attended to (B, S): CLS, then each modality's embedding and tokens."""
        parts = [self.cls.expand(len(encoded[self.modalities[0]].present), 1, -1)]
        token_mask = [parts[0].new_ones(parts[0].shape[:2], dtype=torch.bool)]
        for m in self.modalities:
            e = encoded[m]
            own = torch.cat([e.pooled[:, None], e.tokens], dim=1)
            parts.append((own + self.kind[m]).where(e.present[:, None, None], 0))
            token_mask.append(torch.cat([e.present[:, None], e.token_mask & e.present[:, None]], dim=1))
        return torch.cat(parts, dim=1), torch.cat(token_mask, dim=1)
