"""Bag of words: the mean of the word embeddings, whatever their order.

The neural bag of words of Iyyer et al. 2015, Deep Unordered Composition Rivals Syntactic Methods for Text
Classification, https://aclanthology.org/P15-1162, with one hidden layer.
The baseline that shows what word order is worth.
"""

from torch import Tensor, nn

from multimodal.types import PAD, Encoded, masked_mean


class BagOfWords(nn.Module):
    """Embeds each word alone; the pooled embedding is a perceptron of their mean.

    Args:
        dim: shared width D.
        vocab_size: V.
        dropout: rate on the word embeddings.
    """

    def __init__(self, dim: int, vocab_size: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, dim, padding_idx=PAD)
        self.dropout = nn.Dropout(dropout)
        self.to_pooled = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, dim))

    def forward(self, tokens: Tensor, present: Tensor) -> Encoded:
        """(B, T) int64, (B,) -> Encoded with the T words as tokens."""
        token_mask = tokens != PAD
        token_mask[:, 0] |= ~token_mask.any(1)  # an absent caption is all padding: one blank word
        words = self.dropout(self.embedding(tokens))
        return Encoded(self.to_pooled(masked_mean(words, token_mask)), words, token_mask, present)
