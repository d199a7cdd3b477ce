"""Measure: how good the predicted classes are."""

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error, multiclass_f1_score

from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.scores import Scores, share


class Classification:
    """Accuracy, macro-F1, likelihood and calibration with both modalities and with each alone."""

    def __call__(self, context: Context) -> Measured:
        """Return the metrics, and of each sample what was predicted."""
        probability = context.predictions.probability
        samples = {f"predicted/{condition}": p.argmax(1) for condition, p in probability.items()}
        samples |= {f"probability/{condition}": p for condition, p in probability.items()}
        return Measured(classification_metrics(probability, context.test.label), samples)


def classification_metrics(probability: dict[str, Tensor], label: Tensor) -> Scores:
    """Compute accuracy, macro-F1, negative log-likelihood in nats and calibration error (15 bins).

    Args:
        probability: {condition: (N, K)}.
        label: (N,).

    Returns:
        {`<metric>/<condition>`: value}.
    """
    scores: Scores = {}
    for condition, p in probability.items():
        classes = p.shape[1]
        right = p[torch.arange(len(p)), label].clamp(min=torch.finfo(p.dtype).tiny)
        scores[f"accuracy/{condition}"] = share(p.argmax(1) == label)
        scores[f"macro_f1/{condition}"] = float(multiclass_f1_score(p, label, classes, average="macro"))
        scores[f"nll/{condition}"] = float(-right.double().log().mean())
        scores[f"ece/{condition}"] = float(multiclass_calibration_error(p, label, classes, n_bins=15))
    return scores
