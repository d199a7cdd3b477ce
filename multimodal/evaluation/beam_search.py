"""Measure: captions of images by beam search, beside the greedy ones."""

import torch
from torch import Tensor

from multimodal.checks import check_whole
from multimodal.evaluation.captions import score_captions
from multimodal.evaluation.context import Context, Measured
from multimodal.evaluation.predict import Predictions, join
from multimodal.evaluation.scores import prefixed
from multimodal.model import MultimodalModel


class BeamSearch:
    """Scores captions decoded by beam search.

    Args:
        beam_width: hypotheses that are kept.
    """

    def __init__(self, beam_width: int) -> None:
        check_whole("evaluation.measures.beam_search", beam_width=beam_width)
        self.beam_width = beam_width

    def __call__(self, context: Context) -> Measured:
        """Return the same scores as for greedy captions."""
        written = beam_captions(context.model, context.predictions, self.beam_width, context.batch_size)
        return Measured(prefixed("image_to_text_beam", score_captions(written, context).scores))


@torch.no_grad()
def beam_captions(model: MultimodalModel, predictions: Predictions, width: int, batch_size: int) -> Tensor:
    """Decode captions of the images alone: -> (N, T) int64."""
    z, device = predictions.joint["image"], next(model.parameters()).device
    return join([model.heads["text"].beam(part.to(device), width).cpu() for part in z.split(batch_size)])
