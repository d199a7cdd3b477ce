"""The caption judge: a linear classifier of the training captions' words, which classifies generated captions."""

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from multimodal.types import SPECIAL_WORDS


def bag_of_words(tokens: Tensor, vocab_size: int) -> Tensor:
    """Mark which words occur, special ones left out: (N, T) -> (N, V)."""
    bag = torch.zeros(len(tokens), vocab_size).scatter_(1, tokens.long(), 1.0)
    return bag[:, len(SPECIAL_WORDS) :]


class CaptionJudge:
    """Predicts the pictured class from the words that occur, by logistic regression (scikit-learn)."""

    def fit(self, tokens: Tensor, content: Tensor, vocab_size: int) -> "CaptionJudge":
        """Train on (N, T) captions and (N,) classes."""
        self.vocab_size = vocab_size
        self.model = LogisticRegression(C=10.0, max_iter=1000)
        self.model.fit(bag_of_words(tokens, vocab_size).numpy(), content.numpy())
        return self

    def classify(self, tokens: Tensor) -> Tensor:
        """Predict classes: (N, T) -> (N,)."""
        return torch.from_numpy(self.model.predict(bag_of_words(tokens, self.vocab_size).numpy()))
