"""Measure: captions decoded from images by beam search, to compare with greedy decoding."""

from typing import Any

import torch
from torch import Tensor

from multimodal.checks import MOST_BEAMS, check_whole
from multimodal.dataset.data import Split
from multimodal.evaluation.captions import SCORES, score_captions
from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.predict import join
from multimodal.evaluation.scores import prefixed
from multimodal.model import MultimodalModel


class BeamSearch:
    """Scores captions decoded by beam search.

    Args:
        beam_width: number of hypotheses at each step.
    """

    def __init__(self, beam_width: int) -> None:
        check_whole("evaluation.measures.beam_search", most=MOST_BEAMS, beam_width=beam_width)
        self.beam_width = beam_width

    def __call__(self, context: Context) -> Measured:
        """Return the scores of greedy captions under `image_to_text_beam`; they are undefined without a text head."""
        if why := context.lacks("text"):
            return Measured(prefixed("image_to_text_beam", dict.fromkeys(SCORES, why)))
        split, width, size = context.test, self.beam_width, context.batch_size
        parts = context.answers(lambda model, rows: beam_captions(model, split, width, size, rows))
        preds = join(parts)
        return Measured(prefixed("image_to_text_beam", score_captions(preds, context).scores))


@torch.no_grad()
def beam_captions(
    model: MultimodalModel, split: Split, width: int, batch_size: int, rows: Tensor | None = None
) -> Tensor:
    """Decode captions by beam search from the images alone of a split, or of its `rows` (n,): -> (n, T) int64."""
    head: Any = model.heads["text"]
    captions = []
    for batch in split.batches(batch_size, next(model.parameters()).device, rows):
        fused = model.fuse(model.encode(batch), text=torch.zeros_like(batch.label, dtype=torch.bool))
        captions.append(head.beam(fused.z, width, *model.memory(fused)).cpu())
    return join(captions)
