"""The caption judge: a linear classifier on words, trained on real captions, that classifies generated ones."""

import numpy as np
import torch
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from multimodal.types import SPECIAL_WORDS


def bag_of_words(tokens: Tensor, vocab_size: int) -> csr_array:
    """Compute which words occur: (N, T) -> (N, V - 4) float32 of 0 and 1, without the special words."""
    words = np.sort(tokens.numpy(), axis=1)
    new = words >= len(SPECIAL_WORDS)
    new[:, 1:] &= words[:, 1:] != words[:, :-1]  # the first of equal words in a caption
    bounds = np.concatenate([[0], new.sum(1).cumsum()])
    columns = words[new] - len(SPECIAL_WORDS)
    return csr_array(
        (np.ones(len(columns), np.float32), columns, bounds), (len(words), vocab_size - len(SPECIAL_WORDS))
    )


class CaptionJudge:
    """Predicts the pictured class from the words of a caption, by logistic regression (scikit-learn)."""

    def fit(self, tokens: Tensor, content: Tensor, vocab_size: int) -> "CaptionJudge":
        """Train on (N, T) captions and their (N,) classes; return the judge itself."""
        self.vocab_size = vocab_size
        self.model = LogisticRegression(C=10.0, max_iter=1000)
        self.model.fit(bag_of_words(tokens, vocab_size), content.numpy())
        return self

    def classify(self, tokens: Tensor) -> Tensor:
        """Predict classes: (N, T) -> (N,)."""
        return torch.from_numpy(self.model.predict(bag_of_words(tokens, self.vocab_size)))
