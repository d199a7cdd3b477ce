"""Text head: an autoregressive transformer that reads the joint representation at every step.

A decoder as in GPT, Radford et al. 2018, layers pre-normalised, with the sinusoidal positions of Vaswani et al. 2017,
https://arxiv.org/abs/1706.03762.
Differs: z is added to every word, so there is no cross-attention; keys and values are kept, so that each further
word costs one position.
"""

import math

import torch
from torch import Tensor, nn

from multimodal.checks import check_divides, check_multiple, check_whole
from multimodal.head.text.decoding import beam_search, greedy
from multimodal.types import PAD

State = list[tuple[Tensor, Tensor]]  # keys and values of each layer, (1, B, T, D)


class CausalLayer(nn.Module):
    """Self-attention to the words before and to itself, then a feed-forward layer.

    Args:
        dim: shared width D.
        num_heads: attention heads, a divisor of D.
        hidden: width of the feed-forward layer.
    """

    def __init__(self, dim: int, num_heads: int, hidden: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm = nn.LayerNorm(dim)
        self.to_qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.feed_forward = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(B, T, D) further words and what is kept of those before -> (B, T, D), and what to keep."""
        query, key, value = self.to_qkv(self.norm(x)).chunk(3, dim=-1)
        if past is not None:
            key, value = torch.cat([past[0][0], key], dim=1), torch.cat([past[1][0], value], dim=1)
        ahead = torch.ones(x.shape[1], key.shape[1], dtype=torch.bool, device=x.device)
        ahead = ahead.triu(1 + key.shape[1] - x.shape[1])
        q, k, v = (part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in (query, key, value))
        score = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).masked_fill(ahead, -torch.inf)
        x = x + self.out((score.softmax(-1) @ v).transpose(1, 2).flatten(2))
        return x + self.feed_forward(x), (key[None], value[None])


class TransformerDecoder(nn.Module):
    """A language model conditioned on z: teacher-forced by `forward`, decoded by `generate` and `beam`.

    Args:
        dim: shared width D, even.
        vocab_size: V.
        max_length: the most tokens a caption has, `<bos>` and `<eos>` included.
        dropout: rate on what the first layer reads and before the output layer.
        num_heads: attention heads, a divisor of D.
        num_layers: of the transformer.
        hidden: width of the feed-forward layers.
    """

    def __init__(
        self, dim: int, vocab_size: int, max_length: int, dropout: float, num_heads: int, num_layers: int, hidden: int
    ) -> None:
        super().__init__()
        check_multiple("head.text", 2, "sine and cosine of each position", dim=dim)
        check_divides("head.text", dim, "dim", num_heads=num_heads)
        check_whole("head.text", num_layers=num_layers)
        self.max_length = max_length
        self.embedding = nn.Embedding(vocab_size, dim, padding_idx=PAD)
        self.to_words = nn.Linear(dim, dim)
        self.layers = nn.ModuleList(CausalLayer(dim, num_heads, hidden) for _ in range(num_layers))
        self.norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)
        self.to_logits = nn.Linear(dim, vocab_size)

    def forward(self, z: Tensor, tokens: Tensor) -> Tensor:
        """(B, D), (B, T) -> logits (B, T - 1, V): position t is told tokens 0..t and asked for t + 1."""
        return self.step(z, tokens[:, :-1], None)[0]

    def step(self, z: Tensor, tokens: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Logits after each of (B, T) further tokens, and the state to go on from."""
        start = 0 if state is None else state[0][0].shape[2]
        words = self.embedding(tokens)
        x = self.dropout(words + positions(start, tokens.shape[1], words) + self.to_words(z)[:, None])
        kept = []
        for layer, past in zip(self.layers, state or [None] * len(self.layers), strict=True):
            x, own = layer(x, past)
            kept.append(own)
        return self.to_logits(self.dropout(self.norm(x))), kept

    def generate(self, z: Tensor) -> Tensor:
        """Greedy decoding: (B, D) -> (B, T) int64, `<bos>` … `<eos>`, then `<pad>`."""
        return greedy(self.step, z, self.max_length)

    def beam(self, z: Tensor, width: int) -> Tensor:
        """The same by beam search: of `width` hypotheses the one with the best log-probability a word."""
        return beam_search(self.step, z, width, self.max_length)


def positions(start: int, length: int, words: Tensor) -> Tensor:
    """(length, D) of the positions from `start` on: a sine and a cosine for each of D / 2 frequencies."""
    dim = words.shape[-1]
    frequency = torch.exp(torch.arange(0, dim, 2, device=words.device) * (-math.log(10_000) / dim))
    angle = torch.arange(start, start + length, device=words.device)[:, None] * frequency
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).to(words.dtype)
