"""Kernel inception distance between two sets of features (Binkowski et al. 2018, https://arxiv.org/abs/1801.01401).

The squared maximum mean discrepancy with the kernel (x'y / F + 1)^3, averaged over random subsets; it may be negative.
Differs: features from any network; and pairs of the same row are left out between the sets as they are within each
(the U-statistic of Gretton et al. 2012, https://jmlr.org/papers/v13/gretton12a.html, lemma 6). A generated image and
the real one that its caption belongs to resemble each other more than two samples of equal distributions: with these
pairs the distance of an image set from itself would be far below 0. Without them the estimate is unbiased for paired
rows as for independent sets: equal distributions have an expected distance of 0, whatever the number of samples.
Halves of the two sets would do as well, but leave fewer samples.
"""

import torch
from torch import Tensor
from torchmetrics.image.kid import poly_kernel

SUBSETS, SUBSET_SIZE = 10, 500  # the kernel matrices grow with the square of the size


def kid(x: Tensor, y: Tensor, seed: int) -> float | None:
    """Compute the kernel distance in float64: of all rows, or the mean over SUBSETS subsets of SUBSET_SIZE rows.

    Args:
        x: (N, F) features.
        y: (M, F) features; a row may depend on the same row of x, and on no other. Of sets of different sizes the last
            rows of the larger one are not used.
        seed: seed of the subsets; the global random state is not used.

    Returns:
        Squared distance, around 0 for samples of one distribution; None with fewer than two samples on a side.

    Example:
        >>> x = torch.tensor([[-1.0], [0.0], [1.0]])
        >>> kid(x, x + 3, seed=0) > 1, kid(x, x, seed=0)
        (True, 0.0)
    """
    size = min(len(x), len(y))
    if size < 2:
        return None
    generator = torch.Generator().manual_seed(seed)
    subsets = [torch.arange(size)]
    if size > SUBSET_SIZE:
        subsets = [torch.randperm(size, generator=generator)[:SUBSET_SIZE] for _ in range(SUBSETS)]
    return float(torch.stack([squared_discrepancy(x[rows].double(), y[rows].double()) for rows in subsets]).mean())


def squared_discrepancy(x: Tensor, y: Tensor) -> Tensor:
    """Compute the mean of k(x, x') + k(y, y') - k(x, y') - k(y, x') over pairs of different rows: 2 x (n, F) -> ()."""
    cross = poly_kernel(x, y)
    each = poly_kernel(x, x) + poly_kernel(y, y) - cross - cross.T
    return (each.sum() - each.trace()) / (len(x) * (len(x) - 1))


def halves(x: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Split (N, F) features into two random halves; of an odd number, the second has one more.

    Example:
        >>> first, second = halves(torch.arange(5)[:, None], seed=0)
        >>> len(first), len(second), sorted(torch.cat([first, second]).flatten().tolist())
        (2, 3, [0, 1, 2, 3, 4])
    """
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    return x[order[: len(x) // 2]], x[order[len(x) // 2 :]]
