"""Text head: an autoregressive transformer that reads the joint representation at every step.

A decoder as in GPT, Radford et al. 2018, with pre-normalised layers and the sinusoidal positions of Vaswani et al.
2017, https://arxiv.org/abs/1706.03762.
Differs: z is added to every word, so there is no cross-attention. Keys and values are cached, so that
generating a word computes one position only.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from multimodal.checks import MOST_LAYERS, check_divides, check_multiple, check_number, check_whole
from multimodal.head.text.decoding import beam_search, greedy
from multimodal.types import PAD

State = list[tuple[Tensor, Tensor]]  # keys and values of each layer, (1, B, T, D)


class CausalLayer(nn.Module):
    """Causal self-attention, then a feed-forward layer.

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
        """Transform further words, given the cache of the words before them.

        Args:
            x: (B, T, D).
            past: keys and values of the words before, each (1, B, T', D); None if there are none.

        Returns:
            (B, T, D), and the keys and values of all words so far, each (1, B, T' + T, D).
        """
        query, key, value = self.to_qkv(self.norm(x)).chunk(3, dim=-1)
        if past is not None:
            key, value = torch.cat([past[0][0], key], dim=1), torch.cat([past[1][0], value], dim=1)
        future = torch.ones(x.shape[1], key.shape[1], dtype=torch.bool, device=x.device)
        future = future.triu(1 + key.shape[1] - x.shape[1])
        q, k, v = (part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in (query, key, value))
        score = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).masked_fill(future, -torch.inf)
        x = x + self.out((score.softmax(-1) @ v).transpose(1, 2).flatten(2))
        return x + self.feed_forward(x), (key[None], value[None])


class TransformerDecoder(nn.Module):
    """Language model conditioned on z: `forward` is teacher-forced, `generate` and `beam` decode.

    Args:
        dim: shared width D, even.
        vocab_size: number of words V.
        max_length: largest number of tokens in a caption, `<bos>` and `<eos>` included.
        dropout: rate on the input of the first layer and before the output layer.
        num_heads: attention heads, a divisor of D.
        num_layers: number of transformer layers.
        hidden: width of the feed-forward layers.

    Raises:
        ValueError: a size is not a whole number of 1 or more, or does not divide as stated.
    """

    def __init__(
        self, dim: int, vocab_size: int, max_length: int, dropout: float, num_heads: int, num_layers: int, hidden: int
    ) -> None:
        super().__init__()
        check_multiple("head.text", 2, "sine and cosine of each position", dim=dim)
        check_divides("head.text", dim, "dim", num_heads=num_heads)
        check_whole("head.text", most=MOST_LAYERS, num_layers=num_layers)
        check_whole("head.text", hidden=hidden)
        self.max_length = max_length
        check_number("head.text", least=0, below=1, dropout=dropout)
        self.embedding = nn.Embedding(vocab_size, dim, padding_idx=PAD)
        self.to_words = nn.Linear(dim, dim)
        self.layers = nn.ModuleList(CausalLayer(dim, num_heads, hidden) for _ in range(num_layers))
        self.norm = nn.LayerNorm(dim)
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
        start = 0 if state is None else state[0][0].shape[2]
        words = self.embedding(tokens)
        x = self.dropout(words + positions(start, tokens.shape[1], words) + self.to_words(z)[:, None])
        pasts: Sequence[tuple[Tensor, Tensor] | None] = state or [None] * len(self.layers)
        cache = []
        for layer, past in zip(self.layers, pasts, strict=True):
            x, keys_values = layer(x, past)
            cache.append(keys_values)
        return self.to_logits(self.dropout(self.norm(x))), cache

    def generate(self, z: Tensor) -> Tensor:
        """Decode greedily: (B, D) -> (B, T) int64, `<bos>` … `<eos>`, then `<pad>`."""
        return greedy(self.step, z, self.max_length)

    def beam(self, z: Tensor, width: int) -> Tensor:
        """Decode by beam search with `width` beams, ranked by log-probability per word: (B, D) -> (B, T) int64."""
        return beam_search(self.step, z, width, self.max_length)


def positions(start: int, length: int, words: Tensor) -> Tensor:
    """Compute sinusoidal position embeddings, sine and cosine at D / 2 frequencies.

    Args:
        start: first position.
        length: number of positions.
        words: (B, T, D), only for its width, dtype and device.

    Returns:
        (length, D).
    """
    dim = words.shape[-1]
    frequency = torch.exp(torch.arange(0, dim, 2, device=words.device) * (-math.log(10_000) / dim))
    angle = torch.arange(start, start + length, device=words.device)[:, None] * frequency
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).to(words.dtype)
