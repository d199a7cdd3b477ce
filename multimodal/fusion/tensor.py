"""Tensor fusion: the outer product of the modalities' embeddings, every interaction written out.

After Zadeh et al. 2017, Tensor Fusion Network (TFN), https://arxiv.org/abs/1707.07250.
Differs: every modality is narrowed to one width (the paper's language keeps 128), and one hidden layer follows instead
of two; an absent modality is all 0 but for its appended 1, so that the product falls back to the others' own.
"""

from functools import reduce

import torch
from torch import Tensor, nn

from multimodal.checks import check_whole
from multimodal.fusion.layers import check_several, perceptron
from multimodal.types import Encoded, Fused


class TensorFusion(nn.Module):
    """Narrows each embedding, takes the outer product of all with a 1 appended, and projects.

    Args:
        dim: shared width D.
        modalities: input names.
        width: of each narrowed embedding; the product has (width + 1) to the number of modalities.
        hidden: width of the hidden layer.
    """

    def __init__(self, dim: int, modalities: list[str], width: int, hidden: int) -> None:
        super().__init__()
        check_whole("fusion", width=width)
        self.modalities = check_several(modalities)
        self.maps = nn.ModuleDict({m: nn.Sequential(nn.Linear(dim, width), nn.GELU()) for m in modalities})
        self.project = perceptron((width + 1) ** len(modalities), hidden, dim)

    def forward(self, encoded: dict[str, Encoded]) -> Fused:
        """{name: pooled (B, D), present (B,)} -> z (B, D)."""
        factors = [with_one(self.maps[m](encoded[m].pooled), encoded[m].present) for m in self.modalities]
        return Fused(self.project(reduce(lambda x, y: torch.einsum("bi,bj->bij", x, y).flatten(1), factors)))


def with_one(x: Tensor, present: Tensor) -> Tensor:
    """(B, R), (B,) -> (B, R + 1): 0 where absent, then a 1."""
    x = x.where(present[:, None], 0)
    return torch.cat([x, x.new_ones(len(x), 1)], dim=-1)
