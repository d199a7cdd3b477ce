"""Measure: quality of the predicted classes."""

import torch
from sklearn.metrics import f1_score
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error

from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.scores import Scores, share


class Classification:
    """Scores the predicted classes, with both modalities and with each alone."""

    def __call__(self, context: Context) -> Measured:
        """Return the metrics, and the predicted class and probabilities of each sample."""
        probability = context.predictions.probability
        samples = {f"predicted/{condition}": p.argmax(1) for condition, p in probability.items()}
        samples |= {f"probability/{condition}": p for condition, p in probability.items()}
        return Measured(classification_metrics(probability, context.test.label), samples)


def classification_metrics(probability: dict[str, Tensor], label: Tensor) -> Scores:
    """Compute in float64 accuracy, macro-F1, negative log-likelihood in nats and calibration error (15 bins).

    Args:
        probability: {condition: (N, K) predicted probabilities}.
        label: (N,) int64, the true classes.

    Returns:
        {`<metric>/<condition>`: value}, the metrics being `accuracy`, `macro_f1`, `nll` and `ece`.
    """
    scores: Scores = {}
    for condition, p in probability.items():
        predicted = p.argmax(1)
        true_class = p[torch.arange(len(p)), label].clamp(min=torch.finfo(p.dtype).tiny)
        scores[f"accuracy/{condition}"] = share(predicted == label)
        scores[f"macro_f1/{condition}"] = float(f1_score(label.numpy(), predicted.numpy(), average="macro"))
        scores[f"nll/{condition}"] = float(-true_class.double().log().mean())
        scores[f"ece/{condition}"] = float(multiclass_calibration_error(p.double(), label, p.shape[1], n_bins=15))
    return scores
