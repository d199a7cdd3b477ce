"""What every stand-in does: replace what an absent modality's encoder said, and leave the rest as it is."""

import torch
from torch import Tensor

from multimodal.types import Encoded


def each(row: Tensor, like: Tensor) -> Tensor:
    """(B,) shaped to broadcast over (B, ...)."""
    return row.view(-1, *[1] * (like.ndim - 1))


def fill(e: Encoded, pooled: Tensor, token: Tensor) -> Encoded:
    """Where present is False: `pooled` (D,), and `token` (D,) as the only valid one."""
    first = torch.zeros_like(e.token_mask)
    first[:, 0] = True
    return Encoded(
        pooled=torch.where(each(e.present, e.pooled), e.pooled, pooled.to(e.pooled.dtype)),
        tokens=torch.where(each(e.present, e.tokens), e.tokens, token.to(e.tokens.dtype)),
        token_mask=torch.where(each(e.present, e.token_mask), e.token_mask, first),
        present=e.present,
    )
