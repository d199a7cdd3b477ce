"""Low-rank fusion: a linear map of the tensor of all interactions, without that tensor.

After Liu et al. 2018, Efficient Low-rank Multimodal Fusion (LMF), https://arxiv.org/abs/1806.00064.
Differs: a perceptron's second layer after the product, instead of the task's own; an absent modality is all 0 but
for its appended 1.
"""

import torch
from torch import Tensor, nn

from multimodal.checks import check_whole
from multimodal.fusion.layers import check_several
from multimodal.fusion.tensor import with_one
from multimodal.types import Encoded, Fused


class LowRankFusion(nn.Module):
    """Product over the modalities of linear maps, summed over the ranks, then projected.

    Args:
        dim: shared width D.
        modalities: input names.
        rank: of the tensor's decomposition.
        hidden: what the tensor is mapped to.
    """

    def __init__(self, dim: int, modalities: list[str], rank: int, hidden: int) -> None:
        super().__init__()
        check_whole("fusion", rank=rank)
        self.modalities = check_several(modalities)
        self.factors = nn.ParameterDict(
            {m: nn.Parameter(torch.stack([factor(dim + 1, hidden) for _ in range(rank)])) for m in modalities}
        )
        self.weight = nn.Parameter(torch.full((rank,), rank**-0.5))
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.project = nn.Sequential(nn.LayerNorm(hidden), nn.GELU(), nn.Linear(hidden, dim), nn.LayerNorm(dim))

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """{name: pooled (B, D), present (B,)} -> z (B, D)."""
        product = 1.0
        for m in self.modalities:
            x = with_one(encoded[m].pooled, encoded[m].present)
            product = product * torch.einsum("bi,rih->brh", x, self.factors[m].to(x.dtype))
        return Fused(self.project(torch.einsum("brh,r->bh", product, self.weight.to(product.dtype)) + self.bias))


def factor(inputs: int, outputs: int) -> Tensor:
    """(inputs, outputs) of a linear map that keeps the variance, whatever its width."""
    return torch.randn(inputs, outputs) / inputs**0.5
