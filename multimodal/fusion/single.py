"""One modality alone: the control experiment for the gain from a second modality."""

from torch import nn

from multimodal.fusion.layers import perceptron
from multimodal.types import Encoded, Fused


class SingleFusion(nn.Module):
    """Project the pooled embedding of one modality, and ignore all others.

    Args:
        dim: shared width D.
        modalities: the one input name.
        hidden: width of the hidden layer.

    Raises:
        ValueError: if there is not exactly one modality.

    Example:
        >>> import torch
        >>> mask, present = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
        >>> encoded = {m: Encoded(torch.randn(2, 8), torch.randn(2, 3, 8), mask, present) for m in ("image", "text")}
        >>> fusion = SingleFusion(dim=8, modalities=["image"], hidden=16)
        >>> fusion(encoded).z.shape
        torch.Size([2, 8])
    """

    def __init__(self, dim: int, modalities: list[str], hidden: int) -> None:
        super().__init__()
        if len(modalities) != 1:
            raise ValueError(f"fusion.modalities must be exactly one modality, got {modalities}")
        self.modalities = tuple(modalities)
        self.project = perceptron(dim, hidden, dim)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """Project: {name: pooled (B, D)} -> z (B, D)."""
        return Fused(self.project(encoded[self.modalities[0]].pooled))
