"""Imputation of a missing modality before prediction: none, or the model's generation from the other modality."""

from dataclasses import replace

import torch
from torch import Tensor

from multimodal.dataset.data import Split
from multimodal.evaluation.predict import Predictions
from multimodal.model import MultimodalModel


def fill_none(model: MultimodalModel, split: Split, predictions: Predictions, batch_size: int) -> dict[str, Tensor]:
    """Return no predictions, so that those with the model's own imputation are used."""
    return {}


@torch.no_grad()
def fill_generated(
    model: MultimodalModel, split: Split, predictions: Predictions, batch_size: int
) -> dict[str, Tensor]:
    """Classify the test samples with the generated caption or image in place of the missing one.

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
