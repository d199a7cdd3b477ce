"""Bidirectional recurrent network over the caption's words: LSTM or GRU.

Hochreiter & Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735; Cho et al. 2014,
https://arxiv.org/abs/1406.1078; both directions after Graves & Schmidhuber 2005.
The backward direction runs over each caption reversed within its own length, so that padding is
never read before a word and the result does not depend on how far the batch was padded. (A packed
sequence gives the same result and is two to three times slower on a CPU.)
"""

import torch
from torch import Tensor, nn

from multimodal.checks import check_multiple, check_number, check_one_of
from multimodal.recurrent import run_recurrent
from multimodal.types import PAD, Encoded, masked_mean


class BidirectionalRNN(nn.Module):
    """Concatenates the states of both directions; the pooled embedding is a linear map of their mean.

    Args:
        dim: shared width D, even: half for each direction.
        vocab_size: number of words V.
        dropout: rate on the word embeddings.
        cell: `LSTM` or `GRU`.

    Raises:
        ValueError: `dim` is odd or `cell` is neither of the two.
    """

    def __init__(self, dim: int, vocab_size: int, dropout: float, cell: str) -> None:
        super().__init__()
        check_multiple("encoder.text", 2, "half for each direction", dim=dim)
        check_one_of("encoder.text", ("LSTM", "GRU"), cell=cell)
        check_number("encoder.text", least=0, below=1, dropout=dropout)
        self.embedding = nn.Embedding(vocab_size, dim, padding_idx=PAD)
        self.dropout = nn.Dropout(dropout)
        self.forwards = getattr(nn, cell)(dim, dim // 2, batch_first=True)
        self.backwards = getattr(nn, cell)(dim, dim // 2, batch_first=True)
        self.to_pooled = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor, present: Tensor) -> Encoded:
        """Encode captions: (B, T) int64, (B,) bool -> Encoded with the T words as tokens."""
        length = (tokens != PAD).sum(1).clamp(min=1)  # an absent caption is all padding: length 1, its first <pad>
        position = torch.arange(tokens.shape[1], device=tokens.device)
        token_mask = position < length[:, None]
        reverse = torch.where(token_mask, length[:, None] - 1 - position, position)  # its own inverse
        words = self.dropout(self.embedding(tokens))
        ahead, _ = run_recurrent(self.forwards, words)
        back, _ = run_recurrent(self.backwards, words.gather(1, reverse[..., None].expand_as(words)))
        back = back.gather(1, reverse[..., None].expand_as(back))
        states = torch.cat([ahead, back], dim=-1)  # (B, T, D)
        return Encoded(self.to_pooled(masked_mean(states, token_mask)), states, token_mask, present)
