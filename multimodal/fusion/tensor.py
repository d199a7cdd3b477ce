"""Tensor fusion: the outer product of the modalities' embeddings, which contains every multiplicative interaction.

After Zadeh et al. 2017, Tensor Fusion Network (TFN), https://arxiv.org/abs/1707.07250.
Differs: every modality is first reduced to the same small width (the paper's language embedding has width 128), and one
hidden layer follows instead of two; an absent modality is a vector of zeros with a 1 appended, so that the product
contains only terms of the others.
"""

from functools import reduce

import torch
from torch import Tensor, nn

from multimodal.checks import check_whole
from multimodal.fusion.layers import check_several, perceptron
from multimodal.types import Encoded, Fused


class TensorFusion(nn.Module):
    """Fuse by the outer product of the reduced embeddings, each with a 1 appended, and a projection.

    Args:
        dim: shared width D.
        modalities: input names.
        width: width of each reduced embedding; the product of M modalities has (width + 1)^M elements.
        hidden: width of the hidden layer.

    Raises:
        ValueError: if there are fewer than two modalities, a name is repeated, or `width` is below 1.

    Example:
        >>> mask, present = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
        >>> encoded = {m: Encoded(torch.randn(2, 8), torch.randn(2, 3, 8), mask, present) for m in ("image", "text")}
        >>> fusion = TensorFusion(dim=8, modalities=["image", "text"], width=3, hidden=16)
        >>> fusion(encoded).z.shape
        torch.Size([2, 8])
    """

    def __init__(self, dim: int, modalities: list[str], width: int, hidden: int) -> None:
        super().__init__()
        check_whole("fusion", width=width)
        self.modalities = check_several(modalities)
        self.maps = nn.ModuleDict({m: nn.Sequential(nn.Linear(dim, width), nn.GELU()) for m in modalities})
        self.project = perceptron((width + 1) ** len(modalities), hidden, dim)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """Fuse: {name: pooled (B, D), present (B,)} -> z (B, D)."""
        factors = [with_one(self.maps[m](encoded[m].pooled), encoded[m].present) for m in self.modalities]
        return Fused(self.project(reduce(lambda x, y: torch.einsum("bi,bj->bij", x, y).flatten(1), factors)))


def with_one(x: Tensor, present: Tensor) -> Tensor:
    """Set the rows of absent samples to 0 and append a 1 to each row: (B, R), (B,) -> (B, R + 1).

    Example:
        >>> with_one(torch.tensor([[2.0], [3.0]]), torch.tensor([True, False]))
        tensor([[2., 1.],
                [0., 1.]])
    """
    x = x.where(present[:, None], 0)
    return torch.cat([x, x.new_ones(x.shape[0], 1)], dim=-1)
