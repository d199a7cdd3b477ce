"""Predictions when what is missing is filled by what the model generates from what is given."""

from dataclasses import replace

import torch
from torch import Tensor

from multimodal.dataset.data import Split
from multimodal.evaluation.predict import Predictions
from multimodal.model import MultimodalModel


def fill_none(model: MultimodalModel, split: Split, predictions: Predictions, batch_size: int) -> dict[str, Tensor]:
    """Fill nothing: the stand-in of what is absent stays."""
    return {}


@torch.no_grad()
def fill_generated(
    model: MultimodalModel, split: Split, predictions: Predictions, batch_size: int
) -> dict[str, Tensor]:
    """Decode the gap of `image` and `text`, encode it again, fuse: -> {condition: (N, K) probabilities}."""
    device = next(model.parameters()).device
    filled: dict[str, list[Tensor]] = {"image": [], "text": []}
    for batch in split.batches(batch_size, device):
        rows = batch.index.cpu()
        written, drawn = predictions.caption["image"][rows].to(device), predictions.image["text"][rows].to(device)
        for condition, whole in {"image": replace(batch, tokens=written), "text": replace(batch, image=drawn)}.items():
            fused = model.fuse(model.encode(whole))
            filled[condition].append(model.classify(fused).float().softmax(-1).cpu())
    return {condition: torch.cat(parts) for condition, parts in filled.items()}


FILLS = {"none": fill_none, "generated": fill_generated}
