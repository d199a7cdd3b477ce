"""Kernel inception distance between two sets of features (Binkowski et al. 2018, https://arxiv.org/abs/1801.01401).

The squared maximum mean discrepancy with the kernel (x'y / F + 1)^3, averaged over random subsets; the estimate is
unbiased, so equal distributions have an expected distance of 0, whatever the number of samples, and it may be negative.
Differs: features from any network.
"""

import torch
from torch import Tensor
from torchmetrics.image.kid import poly_mmd

SUBSETS, SUBSET_SIZE = 10, 500  # the kernel matrices grow with the square of the size


def kid(x: Tensor, y: Tensor, seed: int) -> float | None:
    """Compute the kernel distance in float64: the mean over SUBSETS subsets of SUBSET_SIZE features, or all if fewer.

    Args:
        x: (N, F) features.
        y: (M, F) features.
        seed: seed of the subsets; the global random state is not used.

    Returns:
        Squared distance, around 0 for samples of one distribution; None with fewer than two samples on a side.

    Example:
        >>> x = torch.tensor([[-1.0], [0.0], [1.0]])
        >>> kid(x, x + 3, seed=0) > 1 > kid(x, x, seed=0)
        True
    """
    size = min(len(x), len(y), SUBSET_SIZE)
    if size < 2:
        return None
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for _ in range(SUBSETS):
        some_x, some_y = (z[torch.randperm(len(z), generator=generator)[:size]].double() for z in (x, y))
        parts.append(poly_mmd(some_x, some_y))
    return float(torch.stack(parts).mean())


def halves(x: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Split (N, F) features into two random halves; of an odd number, the second has one more.

    Example:
        >>> first, second = halves(torch.arange(5)[:, None], seed=0)
        >>> len(first), len(second), sorted(torch.cat([first, second]).flatten().tolist())
        (2, 3, [0, 1, 2, 3, 4])
    """
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    return x[order[: len(x) // 2]], x[order[len(x) // 2 :]]
