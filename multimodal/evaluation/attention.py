"""Measure: attention from caption words to image regions, for fusions with attention; a figure and no score."""

import math

import torch
from torch import Tensor

from multimodal.checks import check_whole
from multimodal.dataset.data import Split
from multimodal.evaluation.context import AttentionMaps, Context, Measured
from multimodal.evaluation.sampling import sample_evenly
from multimodal.model import MultimodalModel
from multimodal.types import Batch


class Attention:
    """Computes the attention maps of some test samples.

    Args:
        num_samples: number of samples, spread over the classes.
    """

    def __init__(self, num_samples: int) -> None:
        check_whole("evaluation.measures.attention", num_samples=num_samples)
        self.num_samples = num_samples

    def __call__(self, context: Context) -> Measured:
        """Return the maps, or None for a fusion without attention."""
        rows = torch.tensor(sample_evenly(context.test.content, self.num_samples, context.seed))
        return Measured(attention=attention_maps(context.model, context.test, rows))


def attention_maps(model: MultimodalModel, split: Split, rows: Tensor) -> AttentionMaps | None:
    """Compute the attention maps of the samples at `rows` (n,), None where there are none, see `word_attention`."""
    weights = word_attention(model, split.batch(rows, next(model.parameters()).device))
    if weights is None:
        return None
    words = None if split.subwords is None else model.subword_texts(split.subwords[rows])
    return AttentionMaps(rows, weights, words)


@torch.no_grad()
def word_attention(model: MultimodalModel, batch: Batch) -> Tensor | None:
    """Compute a map over the image for each token of the caption, on the CPU.

    The fusion's method `attention_weights` takes {modality: Encoded} and returns (B, T, S): the weight of each of the
    image's S tokens for each of the caption's T tokens. The S tokens are the cells of a square feature map, row by row.

    Returns:
        (B, T, h, w); None if the fusion has no such method, or if the image tokens form no square (an encoder may put
        another token before them).
    """
    attend = getattr(model.fusion, "attention_weights", None)
    if attend is None:
        return None
    weights = attend(model.missing(model.encode(batch))).float().cpu()
    side = math.isqrt(weights.shape[-1])
    return weights.unflatten(-1, (side, side)) if side**2 == weights.shape[-1] else None
