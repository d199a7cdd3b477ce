"""Predictions for every test sample, with both modalities and with each alone."""

from dataclasses import dataclass

import torch
from torch import Tensor

from multimodal.dataset.data import Split
from multimodal.model import MultimodalModel
from multimodal.types import CONDITIONS, PAD


@dataclass(frozen=True)
class Predictions:
    """The outputs that are measured and displayed, on the CPU; conditions are `both`, `image` and `text`.

    Args:
        probability: {condition: (N, K)}.
        image: {condition: (N, C, H, W) in [0, 1]}.
        caption: {condition: (N, T) int64, decoded greedily}.
        joint: {condition: (N, D) joint representation}.
        encoded: {modality: (N, D) the encoder's pooled embedding}.
    """

    probability: dict[str, Tensor]
    image: dict[str, Tensor]
    caption: dict[str, Tensor]
    joint: dict[str, Tensor]
    encoded: dict[str, Tensor]


@torch.no_grad()
def predict(model: MultimodalModel, split: Split, batch_size: int) -> Predictions:
    """Predict in one pass: each sample is encoded once, and every condition reuses that."""
    model.eval()
    device = next(model.parameters()).device
    parts: dict[str, dict[str, list[Tensor]]] = {}

    def keep(kind: str, name: str, value: Tensor) -> None:
        parts.setdefault(kind, {}).setdefault(name, []).append(value.float().cpu())

    for batch in split.batches(batch_size, device):
        encoded = model.encode(batch)
        for name, e in encoded.items():
            keep("encoded", name, e.pooled)
        nobody = torch.zeros_like(batch.label, dtype=torch.bool)
        for condition, (_, absent) in CONDITIONS.items():
            fused = model.fuse(encoded, **dict.fromkeys(absent, nobody))
            keep("joint", condition, fused.z)
            keep("probability", condition, model.classify(fused).float().softmax(-1))
            keep("image", condition, model.heads["image"](fused.z))
            keep("caption", condition, model.heads["text"].generate(fused.z))
    caption = {condition: join(written) for condition, written in parts.pop("caption").items()}
    joined = {kind: {name: torch.cat(v) for name, v in group.items()} for kind, group in parts.items()}
    return Predictions(caption=caption, **joined)


def join(written: list[Tensor]) -> Tensor:
    """Concatenate the captions of several batches, padded to the longest: [(b, t)] -> (N, T) int64."""
    longest = max(part.shape[1] for part in written)
    padded = [torch.nn.functional.pad(part, (0, longest - part.shape[1]), value=PAD) for part in written]
    return torch.cat(padded).long()
