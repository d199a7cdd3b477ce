"""Word-level vocabulary of the training captions."""

from collections import Counter
from collections.abc import Iterable
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from multimodal.types import BOS, EOS, PAD, SPECIAL_WORDS, UNK
from multimodal.words import tokenize


class Vocabulary:
    """Words and their numbers; the first four are `<pad> <unk> <bos> <eos>`.

    Args:
        words: all words in order, the four special ones first.

    Raises:
        ValueError: the first four words are not the special ones.
    """

    def __init__(self, words: list[str]) -> None:
        if tuple(words[: len(SPECIAL_WORDS)]) != SPECIAL_WORDS:
            raise ValueError(f"a vocabulary starts with {SPECIAL_WORDS}, got {words[:4]}")
        self.words = list(words)

    @classmethod
    def of(cls, captions: Iterable[str]) -> "Vocabulary":
        """Build the vocabulary of all words in `captions`, in alphabetical order after the special ones."""
        return cls([*SPECIAL_WORDS, *sorted({word for caption in captions for word in tokenize(caption)})])

    @classmethod
    def of_frequent(
        cls, captions: Iterable[str], max_words: int, min_word_count: int, max_words_kept: int | None
    ) -> "Vocabulary":
        """Build the vocabulary of the frequent words, so that the others train `<unk>`; alphabetical like `of`.

        Args:
            captions: N texts; counted as they are read, that is to `max_words` words.
            max_words: longer captions are truncated to this many words.
            min_word_count: rarer words are left out.
            max_words_kept: at most this many words, the most frequent ones (of equally frequent ones the first in the
                alphabet); None keeps all.

        Raises:
            ValueError: no word is frequent enough.
        """
        counts = Counter(word for caption in captions for word in tokenize(caption)[:max_words])
        kept = [word for word, count in counts.items() if count >= min_word_count]
        if not kept:
            raise ValueError(
                f"dataset.min_word_count={min_word_count} leaves no word of the training captions; use a smaller one"
            )
        kept = sorted(kept, key=lambda word: (-counts[word], word))[:max_words_kept]
        return cls([*SPECIAL_WORDS, *sorted(kept)])

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Return {word: number}."""
        return {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, captions: list[str], max_words: int) -> Tensor:
        """Encode N captions: (N, T) int32, `<bos>`, at most `max_words` words, `<eos>`, then `<pad>` to the longest."""
        texts: dict[str, int] = {}  # templated captions repeat: each text is tokenised once
        text = np.array([texts.setdefault(caption, len(texts)) for caption in captions], dtype=np.int64)
        numbers = self.numbers
        encoded = [
            np.array([BOS, *(numbers.get(w, UNK) for w in tokenize(caption)[:max_words]), EOS], dtype=np.int32)
            for caption in texts
        ]
        rows = np.full((len(encoded), max(map(len, encoded), default=2)), PAD, dtype=np.int32)
        for row, tokens in zip(rows, encoded, strict=True):
            row[: len(tokens)] = tokens
        return torch.from_numpy(rows[text])

    def words_of(self, tokens: Tensor) -> list[list[str]]:
        """Return the words of each row of (N, T), without `<pad>`, `<bos>` and `<eos>`."""
        return [[self.words[t] for t in row if t not in (PAD, BOS, EOS)] for row in tokens.tolist()]

    def decode(self, tokens: Tensor) -> list[str]:
        """Decode (N, T) tokens to N captions, words joined by spaces."""
        return [" ".join(words) for words in self.words_of(tokens)]
