"""Low-rank fusion: a linear map of the outer product of the embeddings, computed without building that product.

After Liu et al. 2018, Efficient Low-rank Multimodal Fusion (LMF), https://arxiv.org/abs/1806.00064.
Differs: the second layer of a perceptron follows the product, instead of the task's output layer; an absent modality
is a vector of zeros with a 1 appended.
"""

from functools import reduce

import torch
from torch import Tensor, nn

from multimodal.checks import MOST_LAYERS, check_whole
from multimodal.fusion.layers import check_several
from multimodal.fusion.tensor import with_one
from multimodal.types import Encoded, Fused


class LowRankFusion(nn.Module):
    """Fuse by multiplying linear maps of the modalities elementwise, summing over the ranks and projecting.

    Args:
        dim: shared width D.
        modalities: input names.
        rank: rank of the weight tensor's decomposition.
        hidden: width of the product, before the projection.

    Raises:
        ValueError: if there are fewer than two modalities, a name is repeated, or `rank` is below 1.

    Example:
        >>> mask, present = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
        >>> encoded = {m: Encoded(torch.randn(2, 8), torch.randn(2, 3, 8), mask, present) for m in ("image", "text")}
        >>> fusion = LowRankFusion(dim=8, modalities=["image", "text"], rank=2, hidden=16)
        >>> fusion(encoded).z.shape
        torch.Size([2, 8])
    """

    def __init__(self, dim: int, modalities: list[str], rank: int, hidden: int) -> None:
        super().__init__()
        check_whole("fusion", most=MOST_LAYERS, rank=rank)
        self.modalities = check_several(modalities)
        self.factors = nn.ParameterDict(
            {m: nn.Parameter(torch.stack([factor(dim + 1, hidden) for _ in range(rank)])) for m in modalities}
        )
        self.weight = nn.Parameter(torch.full((rank,), rank**-0.5))
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.project = nn.Sequential(nn.LayerNorm(hidden), nn.GELU(), nn.Linear(hidden, dim), nn.LayerNorm(dim))

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """Fuse: {name: pooled (B, D), present (B,)} -> z (B, D)."""
        inputs = {m: with_one(encoded[m].pooled, encoded[m].present) for m in self.modalities}
        maps = [torch.einsum("bi,rih->brh", x, self.factors[m].to(x.dtype)) for m, x in inputs.items()]
        product = reduce(torch.mul, maps)
        return Fused(self.project(torch.einsum("brh,r->bh", product, self.weight.to(product.dtype)) + self.bias))


def factor(inputs: int, outputs: int) -> Tensor:
    """Return random weights of a linear map that preserves the variance: (inputs, outputs).

    Example:
        >>> factor(9, 16).shape
        torch.Size([9, 16])
    """
    return torch.randn(inputs, outputs) / inputs**0.5
