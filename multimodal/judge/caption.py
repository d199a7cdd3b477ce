"""The caption judge: a linear classifier on words, trained on real captions, that classifies generated ones."""

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from multimodal.types import SPECIAL_WORDS


def bag_of_words(tokens: Tensor, vocab_size: int) -> Tensor:
    """Compute which words occur: (N, T) -> (N, V - 4) of 0 and 1, without the special words."""
    bag = torch.zeros(len(tokens), vocab_size).scatter_(1, tokens.long(), 1.0)
    return bag[:, len(SPECIAL_WORDS) :]


class CaptionJudge:
    """Predicts the pictured class from the words of a caption, by logistic regression (scikit-learn)."""

    def fit(self, tokens: Tensor, content: Tensor, vocab_size: int) -> "CaptionJudge":
        """Train on (N, T) captions and their (N,) classes; return the judge itself."""
        self.vocab_size = vocab_size
        self.model = LogisticRegression(C=10.0, max_iter=1000)
        self.model.fit(bag_of_words(tokens, vocab_size).numpy(), content.numpy())
        return self

    def classify(self, tokens: Tensor) -> Tensor:
        """Predict classes: (N, T) -> (N,)."""
        return torch.from_numpy(self.model.predict(bag_of_words(tokens, self.vocab_size).numpy()))
