"""Measure: accuracy of the product of the model's own two single-modality answers, the bar that a fusion has to clear.

Modalities that are independent given the class are combined best by p(class | image) p(class | text) / p(class),
renormalised. The probabilities are those of the model with the other modality missing, and the prior is that of the
training labels: no training, and no interaction of the modalities.
"""

import torch
from torch import Tensor

from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.scores import share


class Product:
    """Scores the product of the answers from the image alone and from the caption alone."""

    def __call__(self, context: Context) -> Measured:
        """Return `fusion/product`, and for each sample the class that the product predicts and whether it is right."""
        probability, test = context.predictions.probability, context.test
        prior = context.data.splits["train"].label.bincount(minlength=probability["image"].shape[1])
        predicted = product(probability["image"], probability["text"], prior / prior.sum()).argmax(1)
        correct = predicted == test.label
        return Measured(
            {"fusion/product": share(correct)}, {"predicted/product": predicted, "product_correct": correct}
        )


def product(image: Tensor, text: Tensor, prior: Tensor) -> Tensor:
    """Combine two answers that are independent given the class.

    Args:
        image: (N, K) probabilities given the image.
        text: (N, K) probabilities given the caption.
        prior: (K,) probabilities without either; a class of probability 0 is never predicted.

    Returns:
        (N, K) float64, rows sum to 1.
    """
    smallest = torch.finfo(torch.float64).tiny
    score = image.double().clamp(min=smallest).log() + text.double().clamp(min=smallest).log()
    score = score - prior.double().clamp(min=smallest).log()
    return score.masked_fill(prior == 0, -torch.inf).softmax(1)
