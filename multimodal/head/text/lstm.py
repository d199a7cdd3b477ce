"""Text head: an autoregressive LSTM that reads the joint representation at every step.

After Vinyals et al. 2015, Show and Tell, https://arxiv.org/abs/1411.4555.
Differs: z is given with every word instead of once before the first, so a long caption cannot forget it.
"""

import torch
from torch import Tensor, nn

from multimodal.head.text.decoding import beam_search, greedy
from multimodal.types import PAD

State = tuple[Tensor, Tensor]


class LSTMDecoder(nn.Module):
    """A language model conditioned on z: teacher-forced by `forward`, decoded by `generate` and `beam`.

    Args:
        dim: shared width D.
        vocab_size: V.
        max_length: the most tokens a caption has, `<bos>` and `<eos>` included.
        dropout: rate on the word embeddings and before the output layer.
    """

    def __init__(self, dim: int, vocab_size: int, max_length: int, dropout: float) -> None:
        super().__init__()
        self.max_length = max_length
        self.embedding = nn.Embedding(vocab_size, dim, padding_idx=PAD)
        self.lstm = nn.LSTM(2 * dim, dim, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.to_logits = nn.Linear(dim, vocab_size)

    def forward(self, z: Tensor, tokens: Tensor) -> Tensor:
        """(B, D), (B, T) -> logits (B, T - 1, V): position t is told tokens 0..t and asked for t + 1."""
        return self.step(z, tokens[:, :-1], None)[0]

    def step(self, z: Tensor, tokens: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Logits after each of (B, T) further tokens, and the state to go on from."""
        words = self.dropout(self.embedding(tokens))
        inputs = torch.cat([words, z[:, None].expand(-1, tokens.shape[1], -1).to(words.dtype)], dim=-1)
        states, state = self.lstm(inputs, state)
        return self.to_logits(self.dropout(states)), state

    def generate(self, z: Tensor) -> Tensor:
        """Greedy decoding: (B, D) -> (B, T) int64, `<bos>` … `<eos>`, then `<pad>`."""
        return greedy(self.step, z, self.max_length)

    def beam(self, z: Tensor, width: int) -> Tensor:
        """The same by beam search: of `width` hypotheses the one with the best log-probability a word."""
        return beam_search(self.step, z, width, self.max_length)
