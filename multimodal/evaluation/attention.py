"""Measure: where words look in the image, for fusions that attend. It has no score and is drawn."""

import math

import torch
from torch import Tensor

from multimodal.checks import check_whole
from multimodal.dataset.data import Split
from multimodal.evaluation.context import AttentionMaps, Context, Measured
from multimodal.evaluation.sampling import sample_evenly
from multimodal.model import MultimodalModel


class Attention:
    """Keeps attention maps of some test samples.

    Args:
        num_samples: spread over the classes.
    """

    def __init__(self, num_samples: int) -> None:
        check_whole("evaluation.measures.attention", num_samples=num_samples)
        self.num_samples = num_samples

    def __call__(self, context: Context) -> Measured:
        """Return the maps, none for a fusion that does not attend."""
        rows = torch.tensor(sample_evenly(context.test.content, self.num_samples, context.seed))
        return Measured(attention=attention_maps(context.model, context.test, rows))


@torch.no_grad()
def attention_maps(model: MultimodalModel, split: Split, rows: Tensor) -> AttentionMaps | None:
    """Compute the maps of the samples at `rows` (n,); None without `attention_weights`, or if the image has no map.

    That method of a fusion takes {modality: Encoded} and gives (B, T, S): how much each of the caption's T tokens
    takes from each of the image's S tokens. These are a square feature map, read row by row, except for encoders
    that put another token before it.
    """
    attend = getattr(model.fusion, "attention_weights", None)
    if attend is None:
        return None
    device = next(model.parameters()).device
    weights = attend(model.missing(model.encode(split.batch(rows, device)))).float().cpu()
    side = math.isqrt(weights.shape[-1])
    if side**2 != weights.shape[-1]:
        return None
    return AttentionMaps(rows, weights.unflatten(-1, (side, side)))
