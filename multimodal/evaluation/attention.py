"""Where the words of a caption look in the picture, for fusions that attend."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from multimodal.dataset.data import Split
from multimodal.model import MultimodalModel


@dataclass(frozen=True)
class AttentionMaps:
    """Of some test samples.

    Args:
        rows: (n,) int64, where they stand in the test split.
        weights: (n, T, h, w), for each token of a caption a map over the picture that sums to 1.
    """

    rows: Tensor
    weights: Tensor


@torch.no_grad()
def attention_maps(model: MultimodalModel, split: Split, rows: Tensor) -> AttentionMaps | None:
    """Of the samples at `rows` (n,); None where the fusion has no method `attention_weights`, or the image no map.

    Such a method takes {modality: Encoded} and gives (B, T, S): how much each of the caption's T tokens
    takes from each of the image's S tokens. These are a square feature map, read row by row, but for the encoders
    that put another token before it.
    """
    look = getattr(model.fusion, "attention_weights", None)
    if look is None:
        return None
    device = next(model.parameters()).device
    weights = look(model.missing(model.encode(split.batch(rows, device)))).float().cpu()
    side = math.isqrt(weights.shape[-1])
    if side**2 != weights.shape[-1]:
        return None
    return AttentionMaps(rows, weights.unflatten(-1, (side, side)))
