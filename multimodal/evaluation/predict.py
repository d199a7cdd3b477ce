"""Predictions for every test sample, with both modalities and with each alone."""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from multimodal.dataset.data import Split
from multimodal.model import MultimodalModel
from multimodal.types import CONDITIONS, PAD


@dataclass(frozen=True)
class Predictions:
    """Holds the outputs to measure and display, on the CPU; conditions are `both`, `image` and `text`.

    Args:
        probability: {condition: (N, K) class probabilities}.
        image: {condition: (N, C, H, W) generated images in [0, 1]}.
        caption: {condition: (N, T) int64, decoded greedily}.
        joint: {condition: (N, D) joint representations}.
        encoded: {modality: (N, D) pooled embeddings of its encoder}.
    """

    probability: dict[str, Tensor]
    image: dict[str, Tensor]
    caption: dict[str, Tensor]
    joint: dict[str, Tensor]
    encoded: dict[str, Tensor]


@torch.no_grad()
def predict(model: MultimodalModel, split: Split, batch_size: int) -> Predictions:
    """Predict a split under every condition; each sample is encoded once."""
    model.eval()
    device, text_head = next(model.parameters()).device, cast(Any, model.heads["text"])
    parts: dict[str, dict[str, list[Tensor]]] = {}

    def store(kind: str, name: str, value: Tensor) -> None:
        parts.setdefault(kind, {}).setdefault(name, []).append(value.float().cpu())

    for batch in split.batches(batch_size, device):
        encoded = model.encode(batch)
        for name, e in encoded.items():
            store("encoded", name, e.pooled)
        nobody = torch.zeros_like(batch.label, dtype=torch.bool)
        for condition, (_, absent) in CONDITIONS.items():
            fused = model.fuse(encoded, **dict.fromkeys(absent, nobody))
            store("joint", condition, fused.z)
            store("probability", condition, model.classify(fused).float().softmax(-1))
            store("image", condition, model.heads["image"](fused.z))
            store("caption", condition, text_head.generate(fused.z))
    caption = {condition: join(batches) for condition, batches in parts.pop("caption").items()}
    joined = {kind: {name: torch.cat(v) for name, v in group.items()} for kind, group in parts.items()}
    return Predictions(caption=caption, **joined)


def join(captions: list[Tensor]) -> Tensor:
    """Concatenate the captions of several batches, padded to the longest: [(b, t)] -> (N, T) int64."""
    longest = max(part.shape[1] for part in captions)
    padded = [torch.nn.functional.pad(part, (0, longest - part.shape[1]), value=PAD) for part in captions]
    return torch.cat(padded).long()
