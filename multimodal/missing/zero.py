"""Zero imputation of an absent modality, as in Parthasarathy & Sundaram 2020, https://arxiv.org/abs/2010.08876."""

from torch import nn

from multimodal.missing.layers import fill
from multimodal.types import Encoded


class Zero(nn.Module):
    """Replaces the embeddings of an absent modality by zeros."""

    def forward(self, encoded: dict[str, Encoded]) -> dict[str, Encoded]:
        """Impute: {modality: Encoded} -> the same shapes; absent ones get zeros and one unmasked token."""
        return {name: fill(e, e.pooled.new_zeros(()), e.tokens.new_zeros(())) for name, e in encoded.items()}
