"""Replace the embeddings of absent modalities; shared by every imputation."""

import torch
from torch import Tensor

from multimodal.types import Encoded


def each(row: Tensor, like: Tensor) -> Tensor:
    """Reshape (B,) to (B, 1, ...), so that it broadcasts over `like`, (B, ...)."""
    return row.view(-1, *[1] * (like.ndim - 1))


def fill(e: Encoded, pooled: Tensor, token: Tensor) -> Encoded:
    """Replace the embeddings where the modality is absent.

    Args:
        e: embeddings of one modality.
        pooled: (D,) or a scalar, the pooled embedding of absent samples.
        token: (D,) or a scalar, every token of absent samples; only the first one is unmasked.
    """
    first = torch.zeros_like(e.token_mask)
    first[:, 0] = True
    present = e.present[:, None]
    return Encoded(
        pooled=torch.where(each(e.present, e.pooled), e.pooled, pooled.to(e.pooled.dtype)),
        tokens=torch.where(each(e.present, e.tokens), e.tokens, token.to(e.tokens.dtype)),
        token_mask=e.token_mask & present | first & ~present,
        present=e.present,
    )
