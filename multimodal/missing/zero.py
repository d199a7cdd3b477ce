"""Zeros for an absent modality, as Parthasarathy & Sundaram 2020, https://arxiv.org/abs/2010.08876, train with."""

from torch import nn

from multimodal.missing.layers import fill
from multimodal.types import Encoded


class Zero(nn.Module):
    """Replaces an absent modality's embedding and its only token by zeros."""

    def forward(self, encoded: dict[str, Encoded]) -> dict[str, Encoded]:
        """The same shapes; where present is False, zeros, the first token alone valid."""
        return {name: fill(e, e.pooled.new_zeros(()), e.tokens.new_zeros(())) for name, e in encoded.items()}
