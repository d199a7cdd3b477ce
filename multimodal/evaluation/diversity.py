"""Measure: diversity of the images drawn for one caption, of a model that reads it and draws at random."""

from itertools import combinations
from typing import Any

import torch

from multimodal.checks import check_whole
from multimodal.evaluation.context import Context, Drawings, Measured
from multimodal.evaluation.predict import as_levels
from multimodal.evaluation.sampling import sample_evenly
from multimodal.loss.ssim import ssim
from multimodal.types import Batch

ONE = "the image head draws one image for a caption (head/image=flow draws several)"
UNREAD = "this fusion does not read the text"


class Diversity:
    """Draws several images for each caption of some test samples, and compares them.

    Args:
        num_samples: number of samples, spread over the classes.
        num_drawings: images for each of them.
    """

    def __init__(self, num_samples: int, num_drawings: int) -> None:
        check_whole("evaluation.measures.diversity", num_samples=num_samples)
        check_whole("evaluation.measures.diversity", least=2, num_drawings=num_drawings)
        self.num_samples, self.num_drawings = num_samples, num_drawings

    def __call__(self, context: Context) -> Measured:
        """Return the drawings and `text_to_image/diversity`: the mean of 1 - SSIM of two drawings for one caption.

        It is 0 for equal drawings, and undefined for a model that draws one image for a caption. `1 -
        text_to_image/ssim` of the baseline `same_caption_image` is that of a real image and another real one with its
        caption.
        """
        fusion: Any = context.model.fusion
        why = context.lacks("image") or ("" if context.model.draws_at_random else ONE)
        if why or "text" not in fusion.modalities:
            return Measured({"text_to_image/diversity": why or UNREAD})
        rows = torch.tensor(sample_evenly(context.test.content, self.num_samples, context.seed))
        device, parts = next(context.model.parameters()).device, rows.split(context.batch_size)
        drawn = torch.cat([self.draw(context, context.test.batch(part, device)) for part in parts])
        pairs = combinations(drawn.to(context.device).float().unbind(1), 2)
        similarity = torch.stack([ssim(one / 255, other / 255).double().mean() for one, other in pairs])
        return Measured({"text_to_image/diversity": float(1 - similarity.mean())}, drawings=Drawings(rows, drawn))

    @torch.no_grad()
    def draw(self, context: Context, batch: Batch) -> torch.Tensor:
        """Draw from the captions of a batch alone: (B, num_drawings, C, H, W) uint8, the first as in `predictions`."""
        model = context.model
        z = model.fuse(model.encode(batch), image=torch.zeros_like(batch.label, dtype=torch.bool)).z
        return torch.stack([as_levels(model.draw(z, batch.index, i)).cpu() for i in range(self.num_drawings)], dim=1)
