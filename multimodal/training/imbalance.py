"""Whether one modality is learned and the other left behind: gradients, and shares in the answer.

That a joint model may under-train one of its encoders: Wang et al. 2020, https://arxiv.org/abs/1905.12681;
Peng et al. 2022, https://arxiv.org/abs/2203.15332.
"""

import logging
import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from multimodal.dataset.data import Split
from multimodal.metric.blind import chance_level
from multimodal.metric.interaction import shapley_image
from multimodal.model import MultimodalModel
from multimodal.types import CONDITIONS

log = logging.getLogger(__name__)

SAMPLES = 256  # of the validation split
LITTLE = 0.05  # of the answer; a modality below has no share


def gradient_norms(encoders: Iterable[tuple[str, nn.Module]]) -> dict[str, Tensor]:
    """{`imbalance/grad_norm_<modality>`: Euclidean norm of an encoder's gradient, as the optimizer is to get it}."""
    grads = {m: [p.grad for p in encoder.parameters() if p.grad is not None] for m, encoder in encoders}
    return {f"imbalance/grad_norm_{m}": nn.utils.get_total_norm(grad) for m, grad in grads.items() if grad}


@torch.no_grad()
def modality_contributions(model: MultimodalModel, split: Split, device: torch.device) -> dict[str, float]:
    """Accuracy with both modalities and with each alone, and the image's Shapley share of it, on complete samples.

    `imbalance/share_image` is left out where there is next to nothing to share.
    """
    batch = split.batch(watched(len(split)), device)
    encoded, nobody = model.encode(batch), torch.zeros_like(batch.label, dtype=torch.bool)
    right = {}
    for condition, (_, absent) in CONDITIONS.items():
        answer = model.classify(model.fuse(encoded, **dict.fromkeys(absent, nobody))).argmax(-1)
        right[condition] = float((answer == batch.label).float().mean())
    found = {f"imbalance/accuracy_{condition}": value for condition, value in right.items()}
    share = shapley_image(*right.values(), chance_level(batch.label.cpu()))
    return found if share is None else found | {"imbalance/share_image": share}


def watched(size: int) -> Tensor:
    """Rows of a split of this size, evenly apart, for a source may be sorted by class."""
    return torch.linspace(0, size - 1, min(SAMPLES, size)).long()


def unlearned_modalities(row: dict[str, float], label: Tensor, modalities: Iterable[str]) -> dict[str, float]:
    """{modality: its accuracy alone} of those that a fusion reads, that answer no better than chance, and add nothing.

    Args:
        row: of the history.
        label: (N,) of the validation split.
        modalities: what the fusion reads.
    """
    share = row.get("validation/imbalance/share_image")
    if share is None:
        return {}
    label = label[watched(len(label))]
    chance = chance_level(label)
    noise = 2 * math.sqrt(chance * (1 - chance) / len(label))  # two standard errors
    own = {"image": share, "text": 1 - share}
    alone = {m: row[f"validation/imbalance/accuracy_{m}"] for m in modalities}
    return {m: value for m, value in alone.items() if own[m] < LITTLE and value < chance + noise}


def warn(row: dict[str, float], label: Tensor, modalities: Iterable[str]) -> None:
    """Says which modality is not learned."""
    for m, accuracy in unlearned_modalities(row, label, modalities).items():
        log.warning(
            "the %s is not learned: alone it answers %.3f (chance %.3f), and the answer with both does not need it; "
            "see imbalance.png. Try loss=unimodal, loss=ogm_ge, or more modality dropout of the other",
            m,
            accuracy,
            chance_level(label[watched(len(label))]),
        )
