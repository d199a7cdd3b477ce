"""Gaussian experts, against torch.distributions and numerical integration."""

import torch
from torch.distributions import Normal, kl_divergence

from multimodal.fusion.gaussian import Experts, choose, divergence, product, sample, subsets
from tests.helpers.toy import encodings


def test_the_product_of_densities_is_the_product() -> None:
    mean, log_variance = torch.tensor([[[0.5], [-1.0]]]), torch.tensor([[[0.2], [-0.7]]])
    grid = torch.linspace(-8, 8, 20001)
    density = Normal(0, 1).log_prob(grid)
    for m in range(2):
        density = density + Normal(mean[0, m], (0.5 * log_variance[0, m]).exp()).log_prob(grid)
    weight = density.softmax(0)
    result, spread = product(mean, log_variance, torch.ones(1, 2, dtype=torch.bool))
    expected = (weight * grid).sum()
    torch.testing.assert_close(result[0, 0], expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(spread.exp()[0, 0], (weight * (grid - expected) ** 2).sum(), atol=1e-4, rtol=0)


def test_nobody_is_the_prior() -> None:
    mean, log_variance = product(torch.randn(2, 2, 3), torch.randn(2, 2, 3), torch.zeros(2, 2, dtype=torch.bool))
    assert not mean.any()
    assert not log_variance.any()


def test_the_divergence_is_that_of_torch() -> None:
    mean, log_variance = torch.randn(4, 3), torch.randn(4, 3)
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0, 1)).sum(-1)
    torch.testing.assert_close(divergence(mean, log_variance), expected)


def test_samples_have_mean_and_variance() -> None:
    torch.manual_seed(0)
    mean, log_variance = torch.tensor([1.0, -2.0]), torch.tensor([0.0, 1.0])
    samples = sample(mean.expand(20000, 2), log_variance.expand(20000, 2))
    torch.testing.assert_close(samples.mean(0), mean, atol=0.05, rtol=0)
    torch.testing.assert_close(samples.var(0), log_variance.exp(), atol=0.1, rtol=0)


def test_a_choice_is_allowed_and_even() -> None:
    torch.manual_seed(0)
    allowed = torch.tensor([[True, False, True]]).expand(6000, 3)
    counts = torch.bincount(choose(allowed), minlength=3)
    assert counts[1] == 0
    assert abs(counts[0] - 3000) < 200


def test_all_subsets_of_three() -> None:
    rows = {tuple(row) for row in subsets(3).tolist()}
    assert len(rows) == len(subsets(3)) == 7
    assert (False, False, False) not in rows


def test_the_variance_is_bounded_either_way() -> None:
    experts, encoded = Experts(4, ["image", "text"], 6), encodings(4)
    for m, value in (("image", 1e6), ("text", -1e6)):
        experts.maps[m][-1].bias.data[4:] = value
    log_variance = experts(encoded)[1]
    assert (log_variance[:, 0] == 10).all()
    assert (log_variance[:, 1] == -10).all()
