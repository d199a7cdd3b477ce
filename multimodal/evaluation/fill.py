"""Predictions with a missing modality filled by the model's generation from the other modality."""

import torch
from torch import Tensor

from multimodal.dataset.data import Split
from multimodal.dataset.preparing.vocabulary import Vocabulary
from multimodal.evaluation.predict import Predictions
from multimodal.model import MultimodalModel

GENERATED = {"image": "image_to_text", "text": "text_to_image"}  # {condition: generation that fills its gap}


def why_not_filled(undefined: dict[str, str]) -> str:
    """Return why a task makes generation meaningless, and so what is filled by it; an empty text if it does not.

    Args:
        undefined: {beginning of metric names: why the task makes these metrics meaningless}.
    """
    return next((undefined[direction] for direction in GENERATED.values() if direction in undefined), "")


@torch.no_grad()
def predict_filled(
    model: MultimodalModel,
    split: Split,
    predictions: Predictions,
    vocabulary: Vocabulary,
    batch_size: int,
    rows: Tensor | None = None,
) -> dict[str, Tensor]:
    """Classify the samples of a split with the generated caption or image in place of the missing one.

    Args:
        model: in evaluation mode.
        split: holds the samples.
        predictions: of the model for the split.
        vocabulary: of the generated captions, which a text encoder with a tokenizer reads as text.
        batch_size: samples to encode at a time.
        rows: (n,) int64, the samples to classify; None for all.

    Returns:
        {condition: (n, K) probabilities} for `image` (generated caption) and `text` (generated image).
    """
    device = next(model.parameters()).device
    filled: dict[str, list[Tensor]] = {"image": [], "text": []}
    for batch in split.batches(batch_size, device, rows):
        own = batch.index.cpu()
        caption = predictions.caption["image"][own].to(device)
        image = predictions.image["text"][own].to(device).float() / 255
        subwords = model.tokenize(vocabulary.decode(caption))
        subwords = None if subwords is None else subwords.long().to(device)
        completed = {"image": batch.with_caption(caption, subwords), "text": batch.with_image(image)}
        for condition, complete in completed.items():
            fused = model.fuse(model.encode(complete))
            filled[condition].append(model.classify(fused).float().softmax(-1).cpu())
    return {condition: torch.cat(parts) for condition, parts in filled.items()}
