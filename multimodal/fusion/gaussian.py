"""Gaussian experts: what the fusions of the variational autoencoders share.

Every modality tells a Gaussian over z with a diagonal covariance. A sample is drawn in training, the mean taken
in evaluation; the divergence from the standard normal prior is owed to the loss as the term `kl`.
"""

from itertools import combinations

import torch
from torch import Tensor, nn

from multimodal.fusion.layers import check_several
from multimodal.types import Encoded

LOG_VARIANCE = 10.0  # at most, either way: exp of it stays a number in every precision


class Experts(nn.Module):
    """One perceptron a modality, from its embedding to mean and logarithm of the variance.

    Args:
        dim: shared width D.
        modalities: input names.
        hidden: width of each hidden layer.
    """

    def __init__(self, dim: int, modalities: list[str], hidden: int) -> None:
        super().__init__()
        self.modalities = check_several(modalities)
        self.maps = nn.ModuleDict(
            {m: nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, 2 * dim)) for m in modalities}
        )

    def forward(self, encoded: dict[str, Encoded]) -> tuple[Tensor, Tensor, Tensor]:
        """-> means (B, M, D), log variances (B, M, D), who is present (B, M); in float32."""
        with torch.autocast(next(self.parameters()).device.type, enabled=False):  # precisions differ by powers of e
            told = torch.stack([self.maps[m](encoded[m].pooled.float()) for m in self.modalities], dim=1)
        mean, log_variance = told.chunk(2, dim=-1)
        present = torch.stack([encoded[m].present for m in self.modalities], dim=1)
        return mean, log_variance.clamp(-LOG_VARIANCE, LOG_VARIANCE), present


def product(mean: Tensor, log_variance: Tensor, members: Tensor) -> tuple[Tensor, Tensor]:
    """The prior's and the members' densities multiplied: (B, M, D), (B, M, D), (B, M) bool -> (B, D), (B, D).

    The product of Gaussians is one, of summed precisions (Hinton 2002, https://doi.org/10.1162/089976602760128018).
    """
    precision = (-log_variance).exp() * members[..., None]
    total = 1 + precision.sum(1)  # 1: the prior's
    return (precision * mean).sum(1) / total, -total.log()


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL from the standard normal, nats: (..., D), (..., D) -> (...)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)


def sample(mean: Tensor, log_variance: Tensor) -> Tensor:
    """One draw with gradient to both (Kingma & Welling 2014, https://arxiv.org/abs/1312.6114)."""
    return mean + torch.randn_like(mean) * (0.5 * log_variance).exp()


def choose(allowed: Tensor) -> Tensor:
    """One of the allowed columns a row, drawn evenly: (B, S) bool -> (B,); the first where none is."""
    return torch.rand(allowed.shape, device=allowed.device).masked_fill(~allowed, -1).argmax(1)


def subsets(count: int) -> Tensor:
    """Every non-empty subset of `count` things: (2^count - 1, count) bool."""
    rows = [c for size in range(1, count + 1) for c in combinations(range(count), size)]
    return torch.tensor([[i in row for i in range(count)] for row in rows])
