"""Transformer encoder over the caption's words.

Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, with its sinusoidal positions, so captions may have any length.
Differs: layers pre-normalised (Xiong et al. 2020, https://arxiv.org/abs/2002.04745); GELU; the pooled embedding is
a linear map of the mean token.
"""

import math

import torch
from torch import Tensor, nn

from multimodal.checks import MOST_LAYERS, check_divides, check_multiple, check_number, check_whole
from multimodal.types import PAD, Encoded, masked_mean


class TransformerEncoder(nn.Module):
    """Self-attention between the words of a caption; the pooled embedding is a linear map of their mean.

    Args:
        dim: shared width D, even.
        vocab_size: number of words V.
        dropout: rate on the word embeddings.
        num_heads: attention heads, a divisor of D.
        num_layers: number of transformer layers.
        hidden: width of the feed-forward layers.

    Raises:
        ValueError: a size is not a whole number of 1 or more, or does not divide as stated.
    """

    def __init__(self, dim: int, vocab_size: int, dropout: float, num_heads: int, num_layers: int, hidden: int) -> None:
        super().__init__()
        check_multiple("encoder.text", 2, "sine and cosine of each position", dim=dim)
        check_divides("encoder.text", dim, "dim", num_heads=num_heads)
        check_whole("encoder.text", most=MOST_LAYERS, num_layers=num_layers)
        check_whole("encoder.text", hidden=hidden)
        check_number("encoder.text", least=0, below=1, dropout=dropout)
        self.embedding = nn.Embedding(vocab_size, dim, padding_idx=PAD)
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            dim, num_heads, hidden, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, num_layers, nn.LayerNorm(dim), enable_nested_tensor=False)
        self.to_pooled = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor, present: Tensor) -> Encoded:
        """Encode captions: (B, T) int64, (B,) bool -> Encoded with the T words as tokens."""
        token_mask = tokens != PAD
        token_mask[:, 0] |= ~token_mask.any(1)  # an absent caption is all padding: one <pad> stays unmasked
        words = self.embedding(tokens)
        words = self.dropout(words + sinusoids(words))
        states = self.layers(words, src_key_padding_mask=~token_mask)
        return Encoded(self.to_pooled(masked_mean(states, token_mask)), states, token_mask, present)


def sinusoids(words: Tensor) -> Tensor:
    """Compute sinusoidal position embeddings: (B, T, D) -> (T, D), sine and cosine at D / 2 frequencies."""
    length, dim = words.shape[1:]
    frequency = torch.exp(torch.arange(0, dim, 2, device=words.device) * (-math.log(10_000) / dim))
    angle = torch.arange(length, device=words.device)[:, None] * frequency
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).to(words.dtype)
