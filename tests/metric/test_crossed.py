"""The error over seeds and samples at once, beside made-up populations and the power of a t-test."""

import numpy as np
import pytest
from scipy import stats

from multimodal.metric.crossed import crossed_error, detectable_errors


@pytest.mark.parametrize(("seed_sd", "sample_sd", "rest_sd"), [(0.05, 0, 0.3), (0, 0.4, 0.3), (0.03, 0.5, 0.2)])
def test_the_error_is_that_of_new_seeds_and_new_samples(seed_sd: float, sample_sd: float, rest_sd: float) -> None:
    rng = np.random.default_rng(0)
    n, size = 6, 120
    x = rng.normal(0, seed_sd, (2000, n, 1)) + rng.normal(0, sample_sd, (2000, 1, size))
    x = x + rng.normal(0, rest_sd, (2000, n, size))
    truth = x.mean((1, 2)).std()
    estimated = np.sqrt(np.mean([crossed_error(each) ** 2 for each in x]))
    assert estimated == pytest.approx(truth, rel=0.15)
    assert estimated > 0.97 * truth


def test_the_error_is_no_smaller_than_over_either() -> None:
    x = np.random.default_rng(0).normal(size=(6, 50))
    assert crossed_error(x) >= stats.sem(x.mean(1)) - 1e-12
    assert crossed_error(x) >= stats.sem(x.mean(0)) - 1e-12


def test_one_seed_has_no_error() -> None:
    with pytest.raises(ValueError, match="got 1 and 9"):
        crossed_error(np.zeros((1, 9)))


@pytest.mark.parametrize("n", [6, 12])
def test_the_smallest_difference_is_shown_in_four_of_five(n: int) -> None:
    x = np.random.default_rng(n).normal(detectable_errors(n, 0.05, 0.8) / np.sqrt(n), 1, (20000, n))
    assert (stats.ttest_1samp(x, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.01)
