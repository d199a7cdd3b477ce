"""Statistics beside SciPy, textbook numbers and, for what they promise, a simulation."""

import numpy as np
import pytest
from scipy import stats

from multimodal.metric.statistics import bootstrap_interval, equivalence_test, holm, t_interval, t_test

# Extra hours of sleep under two drugs, ten patients: Student 1908, The probable error of a mean.
SLEEP = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SLEEP -= np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def differences(rows: int, n: int, seed: int) -> np.ndarray:
    """(rows, n) paired differences of equal models: what a seed does to both leaves, what it does to one stays."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(0.9, 0.02, (rows, n))
    return (shared + rng.normal(0, 0.005, (rows, n))) - (shared + rng.normal(0, 0.005, (rows, n)))


def test_students_sleep() -> None:
    """t = -4.0621 with 9 degrees of freedom, as every textbook has it."""
    assert t_test(SLEEP) == pytest.approx(0.002833, abs=5e-7)
    assert t_interval(SLEEP, 0.95) == pytest.approx((-2.4598858, -0.7001142), abs=5e-8)


@pytest.mark.parametrize("n", [2, 6, 40])
def test_as_scipy(n: int) -> None:
    x = np.random.default_rng(n).normal(0.3, 1, (5, n))
    reference = stats.ttest_1samp(x, 0, axis=-1)
    np.testing.assert_allclose(t_test(x), reference.pvalue)
    np.testing.assert_allclose(t_interval(x, 0.9), reference.confidence_interval(0.9))
    above, below = (stats.ttest_1samp(x, m, axis=-1, alternative=a).pvalue for m, a in ((-1, "greater"), (1, "less")))
    np.testing.assert_allclose(equivalence_test(x, 1.0), np.maximum(above, below))


def test_equivalence_by_hand() -> None:
    """65 pairs, mean 0.08, s.d. 0.877, margin 0.351: t(64) = 3.96 and -2.49, of which the second has p = 0.0077."""
    x = stats.zscore(np.random.default_rng(0).normal(size=65), ddof=1) * 0.87696 + 0.08
    assert equivalence_test(x, 0.35078) == pytest.approx(0.0077, abs=1e-4)
    assert equivalence_test(-x, 0.35078) == pytest.approx(equivalence_test(x, 0.35078))


def test_equivalent_where_the_90_percent_interval_is_inside() -> None:
    x = np.random.default_rng(0).normal(0.2, 1, (500, 8))
    low, high = t_interval(x, 0.9)
    inside = (low > -0.9) & (high < 0.9)
    assert 50 < inside.sum() < 450
    np.testing.assert_array_equal(equivalence_test(x, 0.9) < 0.05, inside)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


def test_holm_rejects_what_stepping_down_rejects() -> None:
    """As it was published: from the smallest on, until one fails alpha over the number that are left."""
    rng = np.random.default_rng(0)
    for p in rng.uniform(0, 0.08, (200, 5)).tolist():
        rejected: set[int] = set()
        for i in np.argsort(p):
            if p[i] >= 0.05 / (5 - len(rejected)):
                break
            rejected.add(int(i))
        assert {i for i, q in enumerate(holm(p)) if q < 0.05} == rejected


@pytest.mark.parametrize("value", [0.9 - 0.8, -0.02, 0.0])
def test_zero_variance(value: float) -> None:
    """Equal but for round-off: no width, and certain."""
    x = np.full(6, value) + np.array([0, 1e-16, -1e-16, 0, 0, 2e-16])
    assert t_interval(x, 0.95) == pytest.approx((value, value), abs=1e-12)
    assert np.diff(t_interval(x, 0.95)) == 0
    assert t_test(x) == (1 if value == 0 else 0)
    assert equivalence_test(x, 0.05) == (0 if abs(value) < 0.05 else 1)
    assert equivalence_test(x, 0.02) == (0 if abs(value) < 0.02 else 1)
    assert bootstrap_interval(x, 0.95, 50, seed=0) == pytest.approx((value, value), abs=1e-12)


def test_one_difference_has_no_spread() -> None:
    with pytest.raises(ValueError, match="at least two differences, got 1"):
        t_interval([0.1], 0.95)


def test_t_intervals_cover() -> None:
    for n in (6, 12):
        low, high = t_interval(differences(4000, n, seed=n), 0.95)
        assert ((low < 0) & (high > 0)).mean() == pytest.approx(0.95, abs=0.02)


def test_bootstrap_intervals_cover() -> None:
    """Paired right and wrong answers of two models on 200 samples, and skewed measures."""
    rng = np.random.default_rng(0)
    right = rng.choice([-1, 0, 1], (2000, 200), p=[0.05, 0.85, 0.1])
    for x, mean in ((right, 0.05), (rng.exponential(1, (2000, 200)), 1.0)):
        low, high = bootstrap_interval(x, 0.95, 1000, seed=0)
        assert ((low <= mean) & (mean <= high)).mean() == pytest.approx(0.95, abs=0.03)


def test_bootstrap_as_scipy() -> None:
    x = np.random.default_rng(0).exponential(1, 300)
    reference = stats.bootstrap((x,), np.mean, confidence_level=0.9, method="percentile", n_resamples=5000)
    ours = bootstrap_interval(x, 0.9, 5000, seed=0)
    assert ours == pytest.approx(tuple(reference.confidence_interval), abs=0.012)  # its width is 0.2
    assert bootstrap_interval(x, 0.9, 5000, seed=0) == ours != bootstrap_interval(x, 0.9, 5000, seed=1)


def test_bootstrap_in_parts_is_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(3, 40))
    whole = bootstrap_interval(x, 0.95, 200, seed=0)
    monkeypatch.setattr("multimodal.metric.statistics.CHUNK", 40 * 7)
    np.testing.assert_allclose(bootstrap_interval(x, 0.95, 200, seed=0), whole)


def test_equal_models_raise_few_alarms() -> None:
    """200 comparisons of six seeds: ten alarms are expected, more than 18 have a chance under 1 %."""
    assert (t_test(differences(200, 6, seed=0)) < 0.05).sum() <= 18


def test_models_as_far_apart_as_the_margin_are_seldom_called_equivalent() -> None:
    assert (equivalence_test(differences(2000, 6, seed=1) + 0.01, 0.01) < 0.05).mean() == pytest.approx(0.05, abs=0.02)


def test_holm_keeps_the_alarms_of_a_family_together() -> None:
    p = t_test(differences(4 * 2000, 6, seed=0)).reshape(2000, 4)
    assert np.mean([min(holm(row)) < 0.05 for row in p.tolist()]) == pytest.approx(0.05, abs=0.02)
