"""Fréchet distance against scipy's root of a matrix, closed forms, and moves that must not change it."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor

from multimodal.metric.frechet import frechet


def features(size: int, dim: int, seed: int) -> Tensor:
    """(size, dim) float32, correlated and off centre."""
    generator = torch.Generator().manual_seed(seed)
    mix, centre = torch.randn(dim, dim, generator=generator), torch.randn(dim, generator=generator)
    return torch.randn(size, dim, generator=generator) @ mix + centre


def standardised(size: int, dim: int, seed: int) -> Tensor:
    """(size, dim) float64 with mean 0 and covariance 1 to the last digit."""
    x = torch.randn(size, dim, generator=torch.Generator().manual_seed(seed)).double()
    return torch.linalg.qr(x - x.mean(0)).Q * (size - 1) ** 0.5


def slow(x: Tensor, y: Tensor) -> float:
    a, b = x.double().numpy(), y.double().numpy()
    covariance_a, covariance_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = sqrtm(covariance_a @ covariance_b).real
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(covariance_a + covariance_b - 2 * root)


@pytest.mark.parametrize(("size", "other", "dim"), [(40, 40, 5), (30, 70, 12), (14, 200, 13)])
def test_equals_scipy(size, other, dim) -> None:
    x, y = features(size, dim, seed=0), features(other, dim, seed=1)
    assert frechet(x, y) == pytest.approx(slow(x, y), rel=1e-6)
    assert frechet(y, x) == pytest.approx(frechet(x, y))


def test_closed_form_of_axis_aligned_gaussians() -> None:
    """|m1 - m2|^2 + |s1 - s2|^2, the standard deviations along each axis."""
    mean, spread = torch.tensor([[0.0, 1.0, -2.0], [3.0, 1.0, 0.0]]), torch.tensor([[1.0, 2.0, 0.5], [4.0, 2.0, 1.0]])
    x, y = (standardised(50 + i, 3, seed=i) * spread[i] + mean[i] for i in range(2))
    assert frechet(x, y) == pytest.approx(
        float((mean[0] - mean[1]).square().sum() + (spread[0] - spread[1]).square().sum())
    )


def test_equal_sets_are_at_no_distance_in_any_order() -> None:
    x = features(60, 8, seed=0)
    assert frechet(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet(x, x.flip(0)) == pytest.approx(0, abs=1e-9)


def test_round_off_makes_no_distance_negative() -> None:
    sets = [1000 * features(60, 8, seed) for seed in range(30)]
    assert min(frechet(x, x.flip(0)) for x in sets) >= 0


def test_rotation_and_shift_change_nothing_and_scale_counts_squared() -> None:
    x, y = features(40, 6, seed=0).double(), features(50, 6, seed=1).double()
    turn = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(2)).double()).Q
    assert frechet(x @ turn + 7, y @ turn + 7) == pytest.approx(frechet(x, y))
    assert frechet(3 * x, 3 * y) == pytest.approx(9 * frechet(x, y))


def test_a_shift_of_one_set_is_its_squared_length() -> None:
    x = features(40, 4, seed=0).double()
    assert frechet(x, x + torch.tensor([3.0, 0, 4, 0])) == pytest.approx(25)


def test_features_that_never_vary_are_no_trouble() -> None:
    """A unit that is always 0, twin units, and a generator that draws one image only."""
    x = features(40, 4, seed=0)
    x = torch.cat([x, x[:, :1], torch.zeros(40, 2)], dim=1)
    assert frechet(x, x) == pytest.approx(0, abs=1e-9)
    constant = x[:1].expand(40, -1)
    away = (x.double().mean(0) - x[0].double()).square().sum() + x.double().var(0).sum()
    assert frechet(x, constant) == pytest.approx(float(away))
    assert frechet(constant, constant) == 0


def test_none_without_more_samples_than_features() -> None:
    assert frechet(features(6, 6, seed=0), features(50, 6, seed=1)) is None
    assert frechet(features(50, 6, seed=0), features(6, 6, seed=1)) is None
    assert frechet(features(7, 6, seed=0), features(7, 6, seed=1)) is not None
