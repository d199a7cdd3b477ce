"""The exact test of few answers beside SciPy, and what its interval covers."""

import numpy as np
import pytest
from scipy.stats import binomtest

from multimodal.metric.sign_test import clopper_pearson, sign_interval, sign_test


def test_it_is_the_binomial_test_of_those_that_differ() -> None:
    x = np.array([1] * 9 + [-1] * 2 + [0] * 30)
    assert sign_test(x) == sign_test(-x) == binomtest(9, 11).pvalue
    assert sign_test(np.zeros(5)) == sign_test([1, -1]) == 1


def test_a_majority_against_the_mean_shows_nothing() -> None:
    """Averaged over seeds, many small differences may be outweighed by a few large ones."""
    assert sign_test([0.1] * 20 + [-1] * 3) == 1


def test_clopper_pearson_as_scipy() -> None:
    for count, size in ((0, 9), (4, 9), (9, 9)):
        reference = binomtest(count, size).proportion_ci(0.9, method="exact")
        assert clopper_pearson(count, size, 0.9) == pytest.approx(tuple(reference))


def test_the_interval_excludes_zero_where_the_test_does() -> None:
    for above in range(12):
        x = [1] * above + [-1] * (11 - above) + [0] * 40
        low, high = sign_interval(x, 0.95)
        assert (low > 0 or high < 0) == (sign_test(x) < 0.05)
        assert low <= np.mean(x) <= high


@pytest.mark.parametrize(("size", "worse", "better"), [(40, 0.0, 0.85), (150, 0.01, 0.03), (150, 0.0, 0.01)])
def test_it_covers_at_any_size(size: int, worse: float, better: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.choice([-1, 0, 1], (2000, size), p=[worse, 1 - worse - better, better])
    ends = np.array([sign_interval(each, 0.95) for each in x])
    truth = better - worse
    assert ((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean() >= 0.94
