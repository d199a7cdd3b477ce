"""Confidence intervals, t-tests and equivalence tests of a few paired differences, along the last axis.

Two one-sided tests: Schuirmann 1987, https://doi.org/10.1007/BF01068419. Holm 1979, https://www.jstor.org/stable/4615733.
Percentile bootstrap: Efron 1979, https://doi.org/10.1214/aos/1176344552.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t

ROUND_OFF = 1e-9  # differences of metrics that are closer than this are equal
CHUNK = 2_000_000  # counts of the bootstrap in memory at a time

Floats = NDArray[np.float64]


def mean_and_error(x: ArrayLike) -> tuple[Floats, Floats]:
    """Compute the mean and its standard error, each set to 0 where it is no more than round-off.

    Args:
        x: (..., n) differences.

    Returns:
        The mean (...) and its standard error (...).

    Raises:
        ValueError: if n is below 2.

    Example:
        >>> mean, error = mean_and_error([1, 2, 3])
        >>> print(f"{mean:.3f} {error:.3f}")  # 1 / sqrt(3)
        2.000 0.577
    """
    x = np.asarray(x, np.float64)
    n = x.shape[-1]
    if n < 2:
        raise ValueError(f"a standard error needs at least two differences, got {n}")
    mean, spread = x.mean(-1), x.std(-1, ddof=1)
    return np.where(abs(mean) < ROUND_OFF, 0, mean), np.where(spread < ROUND_OFF, 0, spread) / np.sqrt(n)


def t_statistic(mean: Floats, error: Floats) -> Floats:
    """Compute mean / error; where the error is 0, return 0 for a mean of 0 and else infinity with the mean's sign.

    So every test below is defined for equal differences.

    Args:
        mean: (...).
        error: (...) standard error of the mean.

    Returns:
        (...).

    Example:
        >>> t_statistic(np.array([1.0, 1.0, 0.0]), np.array([0.5, 0.0, 0.0]))
        array([ 2., inf,  0.])
    """
    certain = np.where(mean == 0, 0, np.copysign(np.inf, mean))
    return np.where(error == 0, certain, mean / np.where(error == 0, 1, error))


def t_interval(x: ArrayLike, level: float) -> tuple[Floats, Floats]:
    """Compute the confidence interval of the mean by Student's t; its width is 0 where all differences are equal.

    Args:
        x: (..., n) differences.
        level: confidence level, such as 0.95.

    Returns:
        The lower end (...) and the upper end (...).

    Raises:
        ValueError: if n is below 2.

    Example:
        >>> low, high = t_interval([1, 2, 3], level=0.95)
        >>> print(f"{low:.2f} {high:.2f}")  # 2 -+ 4.303 / sqrt(3)
        -0.48 4.48
    """
    mean, error = mean_and_error(x)
    half = t.ppf((1 + level) / 2, np.shape(x)[-1] - 1) * error
    return mean - half, mean + half


def t_test(x: ArrayLike) -> Floats:
    """Compute the two-sided p-value of the hypothesis that the mean is 0.

    Args:
        x: (..., n) differences.

    Returns:
        (...); where all differences are equal, 1 if they are 0 and else 0.

    Raises:
        ValueError: if n is below 2.

    Example:
        >>> print(f"{t_test([1, 2, 3]):.3f} {t_test([2, 2, 2]):.3f} {t_test([0, 0, 0]):.3f}")
        0.074 0.000 1.000
    """
    return t_test_of(*mean_and_error(x), np.shape(x)[-1] - 1)


def t_test_of(mean: Floats, error: Floats, freedom: int) -> Floats:
    """Compute the two-sided p-value of the hypothesis that a mean with this standard error is 0.

    Args:
        mean: (...).
        error: (...) standard error of the mean.
        freedom: degrees of freedom of the error.

    Returns:
        (...).

    Example:
        >>> print(f"{t_test_of(np.array(2.0), np.array(0.577), 2):.3f}")  # as t_test([1, 2, 3])
        0.074
    """
    return 2 * t.sf(abs(t_statistic(mean, error)), freedom)


def equivalence_test(x: ArrayLike, margin: float) -> Floats:
    """Compute the p-value of the hypothesis that the mean is outside (-margin, margin), by two one-sided t-tests.

    The larger of the two p-values is below 0.05 exactly where the 90 % confidence interval is inside the margins.

    Args:
        x: (..., n) differences.
        margin: largest mean that counts as equivalent, above 0, in the unit of the differences.

    Returns:
        (...).

    Raises:
        ValueError: if the margin is not above 0, or n is below 2.

    Example:
        >>> print(f"{equivalence_test([-1, 0, 1], margin=2):.3f}")
        0.037
    """
    return equivalence_test_of(*mean_and_error(x), np.shape(x)[-1] - 1, margin)


def equivalence_test_of(mean: Floats, error: Floats, freedom: int, margin: float) -> Floats:
    """Compute the p-value of the hypothesis that a mean with this standard error is outside (-margin, margin).

    Args:
        mean: (...).
        error: (...) standard error of the mean.
        freedom: degrees of freedom of the error.
        margin: largest mean that counts as equivalent, above 0.

    Returns:
        (...).

    Raises:
        ValueError: if the margin is not above 0.

    Example:
        >>> print(f"{equivalence_test_of(np.array(0.0), np.array(0.577), 2, margin=2):.3f}")
        0.037
    """
    if margin <= 0:
        raise ValueError(f"the margin of an equivalence test must be above 0, got {margin}")
    nearest = margin - abs(mean)  # to the nearer margin: the test with the larger p-value
    nearest = np.where(abs(nearest) < ROUND_OFF, 0, nearest)
    return np.where((error == 0) & (nearest == 0), 1.0, t.sf(t_statistic(nearest, error), freedom))


def holm(p: list[float]) -> list[float]:
    """Compute Holm's adjusted p-values, which bound the probability of any false rejection in the family of tests.

    Args:
        p: p-values of all tests of the family.

    Returns:
        Adjusted p-values in the same order.

    Example:
        >>> [round(value, 2) for value in holm([0.01, 0.04, 0.03])]  # 3 * 0.01, 2 * 0.03, then no smaller than that
        [0.03, 0.06, 0.06]
    """
    adjusted, largest = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = largest
    return adjusted


def bootstrap_interval(x: ArrayLike, level: float, resamples: int, seed: int) -> tuple[Floats, Floats]:
    """Compute the confidence interval of the mean by percentiles of bootstrap means.

    All rows use the same resamples. The interval needs a few hundred samples; it is too narrow if only a few of them
    differ from 0.

    Args:
        x: (..., N) values.
        level: confidence level, such as 0.95.
        resamples: number of bootstrap means.
        seed: seed of the resamples.

    Returns:
        The lower end (...) and the upper end (...).

    Example:
        >>> low, high = bootstrap_interval([0, 1] * 200, level=0.95, resamples=1000, seed=0)
        >>> print(f"{high - low:.1f}")  # 2 * 1.96 * 0.5 / sqrt(400)
        0.1
    """
    x = np.asarray(x, np.float64)
    size = x.shape[-1]
    rng = np.random.default_rng(seed)
    rows = max(1, CHUNK // size)
    means = []
    for start in range(0, resamples, rows):
        resample = rng.integers(size, size=(min(rows, resamples - start), size))
        counts = np.stack([np.bincount(each, minlength=size) for each in resample], axis=-1)  # (N, resamples)
        means.append(x @ counts / size)
    low, high = np.quantile(np.concatenate(means, axis=-1), [(1 - level) / 2, (1 + level) / 2], axis=-1)
    return low, high
