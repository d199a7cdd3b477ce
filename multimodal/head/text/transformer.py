"""Text head: an autoregressive transformer that reads the joint representation and attends to the image's tokens.

The decoder of Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, with its sinusoidal positions; with pre-normalised
layers.
Differs: z is added to every word, and is also the first token that is attended to, so that there always is one; the
attention to tokens comes before the attention to earlier words, not after it. Keys and values are cached, so that
generating a word computes one position only.
"""

import math
from functools import partial

import torch
from torch import Tensor, nn

from multimodal.checks import MOST_LAYERS, check_divides, check_multiple, check_number, check_whole
from multimodal.head.text.decoding import beam_search, greedy
from multimodal.types import PAD

Cache = tuple[Tensor, Tensor]  # keys and values, (1, B, T, D)
State = list[tuple[Cache, Cache]]  # for each layer: of the tokens that are attended to, and of the words before


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


class MemoryAttention(nn.Module):
    """Attention from words to tokens of other modalities.

    Args:
        dim: shared width D.
        num_heads: attention heads, a divisor of D.
    """

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm = nn.LayerNorm(dim)
        self.to_query, self.to_keys_values = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, dim)

    def keys_values(self, memory: Tensor) -> Cache:
        """Compute keys and values: tokens (B, S, D) -> 2 x (1, B, S, D)."""
        key, value = self.to_keys_values(memory).chunk(2, dim=-1)
        return key[None], value[None]

    def forward(self, x: Tensor, keys_values: Cache, mask: Tensor) -> Tensor:
        """Attend: words (B, T, D), keys and values of S tokens, their mask (B, S), one True or more -> (B, T, D)."""
        parts = (self.to_query(self.norm(x)), keys_values[0][0], keys_values[1][0])
        q, k, v = (part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in parts)
        score = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).masked_fill(~mask[:, None, None], -torch.inf)
        return x + self.out((score.softmax(-1) @ v).transpose(1, 2).flatten(2))


class TransformerDecoder(nn.Module):
    """Language model conditioned on z and on tokens: `forward` is teacher-forced, `generate` and `beam` decode.

    Each takes `memory`, tokens of other modalities (B, S, D), and `mask` (B, S) bool, False for those to ignore.
    Without them the words attend to z alone.

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

    attends = True

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
        self.norm_memory = nn.LayerNorm(dim)
        self.attend = nn.ModuleList(MemoryAttention(dim, num_heads) for _ in range(num_layers))
        self.layers = nn.ModuleList(CausalLayer(dim, num_heads, hidden) for _ in range(num_layers))
        self.norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)
        self.to_logits = nn.Linear(dim, vocab_size)

    def forward(self, z: Tensor, tokens: Tensor, memory: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Compute teacher-forced logits: (B, D), (B, T) -> (B, T - 1, V); tokens 0..t predict token t + 1."""
        return self.step(z, tokens[:, :-1], None, memory, mask)[0]

    def step(
        self,
        z: Tensor,
        tokens: Tensor,
        state: State | None,
        memory: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Compute next-word logits for further tokens.

        Args:
            z: (B, D).
            tokens: (B, T) int64, the tokens that follow those already in `state`.
            state: what an earlier call returned, or None at the start of a caption.
            memory: (B, S, D), what is attended to beside z; read at the start of a caption only.
            mask: (B, S) bool, of the memory.

        Returns:
            Logits (B, T, V) after each token, and the state for the next call.
        """
        start = 0 if state is None else state[0][1][0].shape[2]
        words = self.embedding(tokens)
        x = self.dropout(words + positions(start, tokens.shape[1], words) + self.to_words(z)[:, None])
        seen = torch.ones_like(z[:, :1], dtype=torch.bool)  # z itself
        seen = seen if mask is None else torch.cat([seen, mask], dim=1)
        if state is None:
            attended = self.norm_memory(z[:, None] if memory is None else torch.cat([z[:, None], memory], dim=1))
        cache = []
        for i, (attend, layer) in enumerate(zip(self.attend, self.layers, strict=True)):
            assert isinstance(attend, MemoryAttention)
            given, past = (attend.keys_values(attended), None) if state is None else state[i]
            x, keys_values = layer(attend(x, given, seen), past)
            cache.append((given, keys_values))
        return self.to_logits(self.dropout(self.norm(x))), cache

    def generate(self, z: Tensor, memory: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Decode greedily: (B, D) -> (B, T) int64, `<bos>` … `<eos>`, then `<pad>`."""
        return greedy(partial(self.step, memory=memory, mask=mask), z, self.max_length)

    def beam(self, z: Tensor, width: int, memory: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Decode by beam search with `width` beams, ranked by log-probability per word: (B, D) -> (B, T) int64."""
        of_beams = [None if part is None else part.repeat_interleave(width, dim=0) for part in (memory, mask)]
        return beam_search(partial(self.step, memory=of_beams[0], mask=of_beams[1]), z, width, self.max_length)


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
