"""Word-level vocabulary of the training captions."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np
import torch
from nltk.tokenize import wordpunct_tokenize
from torch import Tensor

from multimodal.types import BOS, EOS, PAD, SPECIAL_WORDS, UNK


def tokenize(caption: str) -> list[str]:
    """Lower-case words and runs of punctuation."""
    return wordpunct_tokenize(caption.lower())


class Vocabulary:
    """Words and their numbers; the first four are `<pad> <unk> <bos> <eos>`.

    Args:
        words: all words in order, the four special ones first.
    """

    def __init__(self, words: list[str]) -> None:
        if tuple(words[: len(SPECIAL_WORDS)]) != SPECIAL_WORDS:
            raise ValueError(f"a vocabulary starts with {SPECIAL_WORDS}, got {words[:4]}")
        self.words = list(words)

    @classmethod
    def of(cls, captions: Iterable[str]) -> "Vocabulary":
        """Every word of `captions`, in alphabetical order."""
        return cls([*SPECIAL_WORDS, *sorted({word for caption in captions for word in tokenize(caption)})])

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Word -> number."""
        return {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, captions: list[str], max_words: int) -> Tensor:
        """(N, T) int32: `<bos>`, at most `max_words` words, `<eos>`, then `<pad>` to the longest."""
        known: dict[str, list[int]] = {}  # templated captions repeat: each text is tokenised once
        for caption in captions:
            if caption not in known:
                known[caption] = [self.numbers.get(w, UNK) for w in tokenize(caption)[:max_words]]
        longest = max(map(len, known.values()), default=0) + 2
        rows = [[BOS, *known[c], EOS, *[PAD] * (longest - 2 - len(known[c]))] for c in captions]
        return torch.from_numpy(np.array(rows, dtype=np.int32).reshape(len(rows), longest))

    def words_of(self, tokens: Tensor) -> list[list[str]]:
        """(N, T) -> the words of each row, special ones left out but `<unk>`."""
        return [[self.words[t] for t in row if t not in (PAD, BOS, EOS)] for row in tokens.tolist()]

    def decode(self, tokens: Tensor) -> list[str]:
        """(N, T) -> captions, words joined by a space."""
        return [" ".join(words) for words in self.words_of(tokens)]
