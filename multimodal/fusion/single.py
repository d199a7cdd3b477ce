"""One modality alone: the control that shows what the other adds."""

from torch import nn

from multimodal.fusion.layers import perceptron
from multimodal.types import Encoded, Fused


class SingleFusion(nn.Module):
    """Projects one modality's pooled embedding; never reads another.

    Args:
        dim: shared width D.
        modalities: the one input it reads.
        hidden: width of the hidden layer.
    """

    def __init__(self, dim: int, modalities: list[str], hidden: int) -> None:
        super().__init__()
        if len(modalities) != 1:
            raise ValueError(f"a single-modality control reads exactly one modality, got {modalities}")
        self.modalities = tuple(modalities)
        self.project = perceptron(dim, hidden, dim)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """{name: pooled (B, D)} -> z (B, D)."""
        return Fused(self.project(encoded[self.modalities[0]].pooled))
