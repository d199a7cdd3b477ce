"""Fréchet distance between two sets of features, each taken for a Gaussian.

After Heusel et al. 2017, the FID, https://arxiv.org/abs/1706.08500. Differs: any features; and no root of a
matrix, whose rounding errors grow with near-singular covariances. With X'X and Y'Y the covariances and X = QR,
the trace of the root of their product is the sum of the singular values of R_x R_y'.
"""

import torch
from torch import Tensor


def frechet(x: Tensor, y: Tensor) -> float | None:
    """Compute |mean difference|^2 + tr(A + B - 2 (AB)^(1/2)) in float64: (N, F), (M, F) -> in squared units.

    None where either set has no more samples than features: its covariance is not of full rank.
    """
    if min(len(x), len(y)) <= x.shape[1]:
        return None
    (mean_x, root_x), (mean_y, root_y) = moments(x.double()), moments(y.double())
    common = torch.linalg.matrix_norm(root_x @ root_y.T, "nuc")
    distance = (mean_x - mean_y).square().sum() + root_x.square().sum() + root_y.square().sum() - 2 * common
    return max(0.0, float(distance))


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the mean (F,) and an R (F, F) whose R'R is the covariance: (N, F)."""
    mean = x.mean(0)
    return mean, torch.linalg.qr((x - mean) / (len(x) - 1) ** 0.5).R
