"""Predictions with a missing modality filled in: by nothing, or by what the model generates from the other one."""

from dataclasses import replace

import torch
from torch import Tensor

from multimodal.dataset.data import Split
from multimodal.evaluation.predict import Predictions
from multimodal.model import MultimodalModel


def fill_none(model: MultimodalModel, split: Split, predictions: Predictions, batch_size: int) -> dict[str, Tensor]:
    """Fill nothing: the model's own imputation is used."""
    return {}


@torch.no_grad()
def fill_generated(
    model: MultimodalModel, split: Split, predictions: Predictions, batch_size: int
) -> dict[str, Tensor]:
    """Encode the generated caption or image in place of the missing one, then classify.

    Returns:
        {condition: (N, K) probabilities} for `image` (generated caption) and `text` (generated image).
    """
    device = next(model.parameters()).device
    filled: dict[str, list[Tensor]] = {"image": [], "text": []}
    for batch in split.batches(batch_size, device):
        rows = batch.index.cpu()
        caption, image = predictions.caption["image"][rows].to(device), predictions.image["text"][rows].to(device)
        completed = {"image": replace(batch, tokens=caption), "text": replace(batch, image=image)}
        for condition, complete in completed.items():
            fused = model.fuse(model.encode(complete))
            filled[condition].append(model.classify(fused).float().softmax(-1).cpu())
    return {condition: torch.cat(parts) for condition, parts in filled.items()}


FILLS = {"none": fill_none, "generated": fill_generated}
