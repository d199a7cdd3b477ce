"""Modality imbalance: the encoders' gradient norms and each modality's contribution to the accuracy.

A joint model may under-train one of its encoders: Wang et al. 2020, https://arxiv.org/abs/1905.12681;
Peng et al. 2022, https://arxiv.org/abs/2203.15332.
"""

import logging
import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from multimodal.dataset.data import Split
from multimodal.metric.interaction import shapley_image
from multimodal.model import MultimodalModel
from multimodal.task.process import chance_level
from multimodal.types import CONDITIONS

log = logging.getLogger(__name__)

SAMPLES = 256  # of the validation split
LITTLE = 0.05  # Shapley share below which a modality counts as unused


def gradient_norms(encoders: Iterable[tuple[str, nn.Module]]) -> dict[str, Tensor]:
    """Compute the Euclidean norm of each encoder's gradient, as it is at the time of the call.

    Args:
        encoders: pairs of modality and encoder.

    Returns:
        {`imbalance/grad_norm_<modality>`: scalar}; an encoder without gradients is left out.
    """
    grads = {m: [p.grad for p in encoder.parameters() if p.grad is not None] for m, encoder in encoders}
    return {f"imbalance/grad_norm_{m}": nn.utils.get_total_norm(grad) for m, grad in grads.items() if grad}


@torch.no_grad()
def modality_contributions(
    model: MultimodalModel, split: Split, train: Tensor, device: torch.device
) -> dict[str, float]:
    """Compute the accuracy with both modalities and with each alone, and the image's Shapley share of it.

    The samples are complete: none lacks a modality of its own.

    Args:
        model: in evaluation mode.
        split: at most SAMPLES of it are used.
        train: (M,) labels of the training split, which tell chance.
        device: the model's.

    Returns:
        `imbalance/accuracy_both`, `imbalance/accuracy_image` and `imbalance/accuracy_text`; `imbalance/share_image`
        only if the model is clearly better than chance.
    """
    batch = split.batch(spread_rows(len(split)), device)
    encoded, nobody = model.encode(batch), torch.zeros_like(batch.label, dtype=torch.bool)
    accuracy = {}
    for condition, (_, absent) in CONDITIONS.items():
        predicted = model.classify(model.fuse(encoded, **dict.fromkeys(absent, nobody))).argmax(-1)
        accuracy[condition] = int((predicted == batch.label).sum()) / len(batch.label)
    scores = {f"imbalance/accuracy_{condition}": value for condition, value in accuracy.items()}
    chance = chance_level(train, batch.label.cpu())
    share = shapley_image(accuracy["both"], accuracy["image"], accuracy["text"], chance)
    return scores if share is None else scores | {"imbalance/share_image": share}


def spread_rows(size: int) -> Tensor:
    """Return at most SAMPLES evenly spaced rows of a split of this size, because a split may be sorted by class."""
    return torch.linspace(0, size - 1, min(SAMPLES, size)).long()


def unlearned_modalities(
    row: dict[str, float], label: Tensor, train: Tensor, modalities: Iterable[str]
) -> dict[str, float]:
    """Find the modalities that the model has not learned to use.

    A modality counts as unlearned if its accuracy alone is within two standard errors of chance and its share of the
    accuracy is below LITTLE.

    Args:
        row: a row of the history.
        label: (N,) labels of the validation split.
        train: (M,) labels of the training split.
        modalities: the modalities that the fusion reads.

    Returns:
        {unlearned modality: its accuracy alone}.
    """
    share = row.get("validation/imbalance/share_image")
    if share is None:
        return {}
    label = label[spread_rows(len(label))]
    chance = chance_level(train, label)
    noise = 2 * math.sqrt(chance * (1 - chance) / len(label))  # two standard errors
    own = {"image": share, "text": 1 - share}
    alone = {m: row[f"validation/imbalance/accuracy_{m}"] for m in modalities}
    return {m: value for m, value in alone.items() if own[m] < LITTLE and value < chance + noise}


def warn_unlearned(row: dict[str, float], label: Tensor, train: Tensor, modalities: Iterable[str]) -> None:
    """Log a warning for each modality that the model has not learned to use; the arguments are those above."""
    for m, accuracy in unlearned_modalities(row, label, train, modalities).items():
        log.warning(
            "the %s is not learned: its accuracy alone is %.3f (chance %.3f), and it adds nothing to the other one; "
            "see imbalance.png. Try loss=unimodal, loss=ogm_ge, or more modality dropout of the other modality",
            m,
            accuracy,
            chance_level(train, label[spread_rows(len(label))]),
        )
