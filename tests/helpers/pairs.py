"""Embeddings and captions for the contrastive losses."""

import torch
from torch import Tensor

from multimodal.types import Batch, Encoded, Output

SIZE, DIM = 7, 5


TOKENS = torch.tensor([[2, 4, 3], [2, 5, 3], [2, 4, 3], [2, 6, 3], [2, 4, 3], [2, 5, 3], [2, 7, 3]])


EVERYONE = torch.ones(SIZE, dtype=torch.bool)


GAPS = (
    torch.tensor([True, True, True, False, True, True, True]),
    torch.tensor([True, True, False, True, True, True, False]),
)


def embeddings(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Image's and text's (B, D), of any length: half of their cosines are negative."""
    return tuple(torch.randn(2, SIZE, DIM, generator=torch.Generator().manual_seed(seed)).mul(3).unbind())


def samples(x: Tensor, y: Tensor, tokens: Tensor, present: tuple[Tensor, Tensor]) -> tuple[Output, Batch]:
    size = len(x)
    named = dict(zip(("image", "text"), present, strict=True))
    pooled = {"image": x, "text": y}
    valid = torch.ones(size, 1, dtype=torch.bool)
    encoded = {m: Encoded(pooled[m], pooled[m][:, None], valid, named[m]) for m in pooled}
    nothing = torch.zeros(size, 1)
    label = torch.zeros(size, dtype=torch.int64)
    output = Output(nothing, nothing, nothing, encoded, {})
    return output, Batch(nothing, tokens, label, label, named, torch.arange(size))
