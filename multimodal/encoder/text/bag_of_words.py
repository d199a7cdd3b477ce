"""Bag of words: the mean of the word embeddings, which ignores word order.

The neural bag of words of Iyyer et al. 2015, Deep Unordered Composition Rivals Syntactic Methods for Text
Classification, https://aclanthology.org/P15-1162, with one hidden layer.
The baseline that shows how much word order contributes.
"""

from torch import Tensor, nn

from multimodal.checks import check_number
from multimodal.types import PAD, Encoded, masked_mean


class BagOfWords(nn.Module):
    """Embeds each word by itself; the pooled embedding is a perceptron applied to their mean.

    Args:
        dim: shared width D.
        vocab_size: number of words V.
        dropout: rate on the word embeddings.
    """

    def __init__(self, dim: int, vocab_size: int, dropout: float) -> None:
        super().__init__()
        check_number("encoder.text", least=0, below=1, dropout=dropout)
        self.embedding = nn.Embedding(vocab_size, dim, padding_idx=PAD)
        self.dropout = nn.Dropout(dropout)
        self.to_pooled = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, dim))

    def forward(self, tokens: Tensor, present: Tensor) -> Encoded:
        """Encode captions: (B, T) int64, (B,) bool -> Encoded with the T words as tokens."""
        token_mask = tokens != PAD
        token_mask[:, 0] |= ~token_mask.any(1)  # an absent caption is all padding: one <pad> stays unmasked
        words = self.dropout(self.embedding(tokens))
        return Encoded(self.to_pooled(masked_mean(words, token_mask)), words, token_mask, present)
