"""A learned stand-in for an absent modality: one vector for its embedding, one for its only token.

After Parthasarathy & Sundaram 2020, https://arxiv.org/abs/2010.08876 (training with missing
modalities); ours is learned instead of zero.
"""

import torch
from torch import Tensor, nn

from multimodal.types import Encoded


def each(row: Tensor, like: Tensor) -> Tensor:
    """(B,) shaped to broadcast over (B, ...)."""
    return row.view(-1, *[1] * (like.ndim - 1))


class Learned(nn.Module):
    """Replaces whatever an absent modality's encoder said.

    Args:
        dim: shared width D.
        modalities: names of the inputs.
    """

    def __init__(self, dim: int, modalities: list[str]) -> None:
        super().__init__()
        self.pooled = nn.ParameterDict({m: nn.Parameter(torch.randn(dim) * 0.02) for m in modalities})
        self.token = nn.ParameterDict({m: nn.Parameter(torch.randn(dim) * 0.02) for m in modalities})

    def forward(self, encoded: dict[str, Encoded]) -> dict[str, Encoded]:
        """The same shapes; where present is False, the stand-in, its first token alone valid."""
        return {name: self.fill(name, e) for name, e in encoded.items()}

    def fill(self, name: str, e: Encoded) -> Encoded:
        """One modality."""
        first = torch.zeros_like(e.valid)
        first[:, 0] = True
        return Encoded(
            pooled=torch.where(each(e.present, e.pooled), e.pooled, self.pooled[name].to(e.pooled.dtype)),
            tokens=torch.where(each(e.present, e.tokens), e.tokens, self.token[name].to(e.tokens.dtype)),
            valid=torch.where(each(e.present, e.valid), e.valid, first),
            present=e.present,
        )
