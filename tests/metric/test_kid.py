"""The kernel distance against a loop over pairs, without bias, of any size."""

import pytest
import torch
from torch import Tensor

from multimodal.metric.kid import SUBSET_SIZE, halves, kid


def features(size: int, shift: float = 0.0, seed: int = 0) -> Tensor:
    return torch.randn(size, 6, generator=torch.Generator().manual_seed(seed)) + shift


def slow(x: Tensor, y: Tensor) -> float:
    """One pair of all at a time: without the pairs of a row with itself, also between the sets."""

    def kernel(a: Tensor, b: Tensor) -> float:
        return (float(a.double() @ b.double()) / len(a) + 1) ** 3

    n = len(x)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    own = sum(kernel(z[i], z[j]) for z in (x, y) for i, j in pairs) / len(pairs)
    return own - 2 * sum(kernel(x[i], y[j]) for i, j in pairs) / len(pairs)


def test_it_equals_the_loop_over_pairs() -> None:
    x, y = features(12), features(12, shift=1, seed=1)
    assert kid(x, y, seed=0) == pytest.approx(slow(x, y))


def test_one_distribution_has_no_distance_whatever_the_size() -> None:
    """The mean of an unbiased estimate, some of which are below 0; that of another distribution is far above."""
    for size in (20, 200):
        found = [kid(features(size, seed=2 * i), features(size, seed=2 * i + 1), seed=0) for i in range(40)]
        mean, error = torch.tensor(found).mean(), torch.tensor(found).std() / 40**0.5
        assert abs(mean) < 3 * error
        assert min(found) < 0
        assert kid(features(size), features(size, shift=0.5, seed=1), seed=0) > max(found)


@pytest.mark.parametrize("likeness", [0.5, 0.9])
def test_images_beside_the_very_ones_they_belong_to_have_no_distance_of_less_than_none(likeness: float) -> None:
    """Rows of one distribution that resemble each other by pairs; as if they did not, they would be told far below."""
    found = []
    for i in range(60):
        x, noise = features(40, seed=3 * i), features(40, seed=3 * i + 1)
        found.append(kid(x, likeness * x + (1 - likeness**2) ** 0.5 * noise, seed=0))
    mean, error = torch.tensor(found).mean(), torch.tensor(found).std() / len(found) ** 0.5
    assert abs(mean) < 3 * error
    assert kid(features(100), features(100), seed=0) == pytest.approx(0, abs=1e-12)


def test_a_set_that_is_no_larger_than_a_subset_is_compared_once_as_a_whole() -> None:
    x, y = features(60), features(60, seed=1)
    assert kid(x, y, seed=0) == kid(x, y, seed=1)
    assert kid(x, y[torch.randperm(60)], seed=0) != kid(x, y, seed=0)  # the pairs matter


def test_subsets_follow_the_seed_and_leave_the_global_state_alone() -> None:
    x, y = features(SUBSET_SIZE + 50), features(SUBSET_SIZE + 100, seed=1)
    before = torch.get_rng_state()
    assert kid(x, y, seed=0) == kid(x, y, seed=0) != kid(x, y, seed=1)
    assert torch.equal(before, torch.get_rng_state())


def test_one_sample_has_no_distance() -> None:
    assert kid(features(1), features(9), seed=0) is None


def test_halves_share_no_sample() -> None:
    first, second = halves(torch.arange(90.0)[:, None], seed=3)
    assert sorted(torch.cat([first, second]).flatten().tolist()) == list(range(90))
    assert first.flatten().tolist() != list(range(45))
