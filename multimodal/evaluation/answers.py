"""How good the answers are: accuracy, macro-F1, likelihood and calibration."""

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error, multiclass_f1_score

from multimodal.evaluation.scores import Scores, share


def answers(probability: dict[str, Tensor], label: Tensor) -> Scores:
    """{condition: (N, K)}, (N,) -> accuracy, macro-F1, negative log-likelihood in nats, calibration error (15 bins)."""
    scores: Scores = {}
    for condition, p in probability.items():
        classes = p.shape[1]
        right = p[torch.arange(len(p)), label].clamp(min=torch.finfo(p.dtype).tiny)
        scores[f"accuracy/{condition}"] = share(p.argmax(1) == label)
        scores[f"macro_f1/{condition}"] = float(multiclass_f1_score(p, label, classes, average="macro"))
        scores[f"nll/{condition}"] = float(-right.double().log().mean())
        scores[f"ece/{condition}"] = float(multiclass_calibration_error(p, label, classes, n_bins=15))
    return scores
