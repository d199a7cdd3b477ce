"""Text head: an autoregressive LSTM that reads the joint representation at every step.

After Vinyals et al. 2015, Show and Tell, https://arxiv.org/abs/1411.4555.
Differs: z is an input at every word instead of only before the first, so it is not forgotten in a long caption.
"""

import torch
from torch import Tensor, nn

from multimodal.checks import check_number
from multimodal.head.text.decoding import beam_search, greedy
from multimodal.recurrent import run_recurrent
from multimodal.types import PAD

State = tuple[Tensor, Tensor]


class LSTMDecoder(nn.Module):
    """Language model conditioned on z: `forward` is teacher-forced, `generate` and `beam` decode.

    Args:
        dim: shared width D.
        vocab_size: number of words V.
        max_length: largest number of tokens in a caption, `<bos>` and `<eos>` included.
        dropout: rate on the word embeddings and before the output layer.
    """

    def __init__(self, dim: int, vocab_size: int, max_length: int, dropout: float) -> None:
        super().__init__()
        self.max_length = max_length
        check_number("head.text", least=0, below=1, dropout=dropout)
        self.embedding = nn.Embedding(vocab_size, dim, padding_idx=PAD)
        self.lstm = nn.LSTM(2 * dim, dim, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.to_logits = nn.Linear(dim, vocab_size)

    def forward(self, z: Tensor, tokens: Tensor) -> Tensor:
        """Compute teacher-forced logits: (B, D), (B, T) -> (B, T - 1, V); tokens 0..t predict token t + 1."""
        return self.step(z, tokens[:, :-1], None)[0]

    def step(self, z: Tensor, tokens: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Compute next-word logits for further tokens.

        Args:
            z: (B, D).
            tokens: (B, T) int64, the tokens that follow those already in `state`.
            state: what an earlier call returned, or None at the start of a caption.

        Returns:
            Logits (B, T, V) after each token, and the state for the next call.
        """
        words = self.dropout(self.embedding(tokens))
        inputs = torch.cat([words, z[:, None].expand(-1, tokens.shape[1], -1).to(words.dtype)], dim=-1)
        states, state = run_recurrent(self.lstm, inputs, state)
        return self.to_logits(self.dropout(states)), state

    def generate(self, z: Tensor) -> Tensor:
        """Decode greedily: (B, D) -> (B, T) int64, `<bos>` … `<eos>`, then `<pad>`."""
        return greedy(self.step, z, self.max_length)

    def beam(self, z: Tensor, width: int) -> Tensor:
        """Decode by beam search with `width` beams, ranked by log-probability per word: (B, D) -> (B, T) int64."""
        return beam_search(self.step, z, width, self.max_length)
