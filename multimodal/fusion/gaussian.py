"""Gaussian experts: the common layers of the fusions from variational autoencoders.

Each modality predicts a Gaussian over z with a diagonal covariance. Training uses a sample of z, evaluation the mean;
these fusions add the auxiliary loss `kl`, the divergence from the standard normal prior.
"""

from itertools import combinations

import torch
from torch import Tensor, nn

from multimodal.fusion.layers import check_several
from multimodal.types import Encoded

LOG_VARIANCE = 10.0  # bound of its absolute value: its exponential is finite in every precision


class Experts(nn.Module):
    """Predict the mean and the log variance of each modality's Gaussian, by one perceptron per modality.

    Args:
        dim: shared width D.
        modalities: input names.
        hidden: width of each hidden layer.

    Raises:
        ValueError: if there are fewer than two modalities or a name is repeated.

    Example:
        >>> mask, present = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
        >>> encoded = {m: Encoded(torch.randn(2, 8), torch.randn(2, 3, 8), mask, present) for m in ("image", "text")}
        >>> experts = Experts(dim=8, modalities=["image", "text"], hidden=16)
        >>> [tuple(x.shape) for x in experts(encoded)]
        [(2, 2, 8), (2, 2, 8), (2, 2)]
    """

    def __init__(self, dim: int, modalities: list[str], hidden: int) -> None:
        super().__init__()
        self.modalities = check_several(modalities)
        self.maps = nn.ModuleDict(
            {m: nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, 2 * dim)) for m in modalities}
        )

    def forward(self, encoded: dict[str, Encoded]) -> tuple[Tensor, Tensor, Tensor]:
        """Predict: {name: pooled (B, D), present (B,)} -> mean (B, M, D), log variance (B, M, D), present (B, M).

        The first two are float32.
        """
        with torch.autocast(
            next(self.parameters()).device.type, enabled=False
        ):  # float32, because log variances are exponentiated
            kind = next(self.parameters()).dtype
            maps = [self.maps[m](encoded[m].pooled.to(kind)).float() for m in self.modalities]
            parameters = torch.stack(maps, dim=1)
        mean, log_variance = parameters.chunk(2, dim=-1)
        present = torch.stack([encoded[m].present for m in self.modalities], dim=1)
        return mean, log_variance.clamp(-LOG_VARIANCE, LOG_VARIANCE), present


def product(mean: Tensor, log_variance: Tensor, members: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the Gaussian that is the normalised product of the prior and the members' Gaussians.

    Its precision is the sum of their precisions (Hinton 2002, https://doi.org/10.1162/089976602760128018).

    Args:
        mean: (B, M, D).
        log_variance: (B, M, D).
        members: (B, M) bool, Gaussians to multiply; without any, the result is the standard normal prior.

    Returns:
        Mean (B, D) and log variance (B, D).

    Example:
        >>> mean, log_variance = product(torch.ones(1, 1, 1), torch.zeros(1, 1, 1), torch.tensor([[True]]))
        >>> mean.item(), log_variance.exp().item()  # one expert N(1, 1) and the prior N(0, 1)
        (0.5, 0.5)
    """
    precision = (-log_variance).exp() * members[..., None]
    total = 1 + precision.sum(1)  # 1 is the prior's precision
    return (precision * mean).sum(1) / total, -total.log()


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Compute the KL divergence from the standard normal in nats: (..., D), (..., D) -> (...).

    Example:
        >>> divergence(torch.ones(3), torch.zeros(3))  # half the squared mean, summed over 3 dimensions
        tensor(1.5000)
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)


def sample(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return a random sample with gradient to both arguments: (..., D), (..., D) -> (..., D).

    The reparametrisation of Kingma & Welling 2014, https://arxiv.org/abs/1312.6114.

    Example:
        >>> sample(torch.zeros(2, 8), torch.zeros(2, 8)).shape
        torch.Size([2, 8])
    """
    return mean + torch.randn_like(mean) * (0.5 * log_variance).exp()


def choose(allowed: Tensor) -> Tensor:
    """Return a random allowed column of each row, all equally likely: (B, S) bool -> (B,); 0 if none is allowed.

    Example:
        >>> choose(torch.tensor([[False, True], [True, False], [False, False]]))
        tensor([1, 0, 0])
    """
    return torch.rand(allowed.shape, device=allowed.device).masked_fill(~allowed, -1).argmax(1)


def subsets(count: int) -> Tensor:
    """Return all non-empty subsets of `count` elements: (2^count - 1, count) bool.

    Example:
        >>> subsets(2).tolist()
        [[True, False], [False, True], [True, True]]
    """
    rows = [c for size in range(1, count + 1) for c in combinations(range(count), size)]
    return torch.tensor([[i in row for i in range(count)] for row in rows])
