"""Fréchet distance between two sets of features, each modelled as a Gaussian.

After Heusel et al. 2017, the FID, https://arxiv.org/abs/1706.08500.
Differs: features from any network; no matrix square root, because its rounding errors grow with near-singular
covariances. With X'X and Y'Y the covariances and X = QR, the trace of the square root of their product is the sum
of the singular values of R_x R_y'.
"""

import torch
from torch import Tensor


def frechet(x: Tensor, y: Tensor) -> float | None:
    """Compute |mean difference|^2 + tr(A + B - 2 (AB)^(1/2)) in float64, A and B the covariances.

    Args:
        x: (N, F) features.
        y: (M, F) features.

    Returns:
        Distance in squared units of the features; None if either set has no more samples than features, because
        its covariance does not have full rank.

    Example:
        >>> x = torch.tensor([[-1.0], [0.0], [1.0]])
        >>> round(frechet(x, x + 3), 6)  # equal covariances: the squared distance of the means
        9.0
        >>> frechet(x[:1], x) is None
        True
    """
    if min(len(x), len(y)) <= x.shape[1]:
        return None
    (mean_x, root_x), (mean_y, root_y) = moments(x.double()), moments(y.double())
    common = torch.linalg.matrix_norm(root_x @ root_y.T, "nuc")
    distance = (mean_x - mean_y).square().sum() + root_x.square().sum() + root_y.square().sum() - 2 * common
    return max(0.0, float(distance))


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the mean and a root of the covariance.

    Args:
        x: (N, F) features.

    Returns:
        The mean (F,) and R (F, F), where R'R is the covariance.

    Example:
        >>> mean, root = moments(torch.tensor([[0.0], [2.0]]))
        >>> mean.item(), round((root.T @ root).item(), 4)
        (1.0, 2.0)
    """
    mean = x.mean(0)
    return mean, torch.linalg.qr((x - mean) / (len(x) - 1) ** 0.5).R
