"""What a few paired differences allow to say: intervals, tests, equivalence; all along the last axis.

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
    """(..., n) -> mean (...) and its standard error (...), each 0 where it is no more than round-off."""
    x = np.asarray(x, np.float64)
    n = x.shape[-1]
    if n < 2:
        raise ValueError(f"a spread needs two differences or more, got {n}")
    mean, spread = x.mean(-1), x.std(-1, ddof=1)
    return np.where(abs(mean) < ROUND_OFF, 0, mean), np.where(spread < ROUND_OFF, 0, spread) / np.sqrt(n)


def t_statistic(mean: Floats, error: Floats) -> Floats:
    """Mean / error; without an error 0 for no difference, else infinite, so that every test below is defined."""
    certain = np.where(mean == 0, 0, np.copysign(np.inf, mean))
    return np.where(error == 0, certain, mean / np.where(error == 0, 1, error))


def t_interval(x: ArrayLike, level: float) -> tuple[Floats, Floats]:
    """Of the mean, by Student's t: (..., n) -> low (...), high (...); no width where all differences are equal."""
    mean, error = mean_and_error(x)
    half = t.ppf((1 + level) / 2, np.shape(x)[-1] - 1) * error
    return mean - half, mean + half


def t_test(x: ArrayLike) -> Floats:
    """Two-sided p that the mean is 0: (..., n) -> (...); where all are equal 1 if they are 0, else 0."""
    return 2 * t.sf(abs(t_statistic(*mean_and_error(x))), np.shape(x)[-1] - 1)


def equivalence_test(x: ArrayLike, margin: float) -> Floats:
    """P that the mean is outside of (-margin, margin), the larger of two one-sided: (..., n) -> (...).

    Below 0.05 exactly where the 90 % interval lies inside.
    """
    if margin <= 0:
        raise ValueError(f"a margin of equivalence is above 0, got {margin}")
    mean, error = mean_and_error(x)
    nearest = margin - abs(mean)  # to the bound that is easier to pass
    nearest = np.where(abs(nearest) < ROUND_OFF, 0, nearest)
    return np.where((error == 0) & (nearest == 0), 1.0, t.sf(t_statistic(nearest, error), np.shape(x)[-1] - 1))


def holm(p: list[float]) -> list[float]:
    """Adjusted p of a family's tests, in the order given: no more than a share p of such families errs anywhere."""
    adjusted, largest = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = largest
    return adjusted


def bootstrap_interval(x: ArrayLike, level: float, resamples: int, seed: int) -> tuple[Floats, Floats]:
    """Of the mean, by percentiles of resampled means: (..., N) -> low (...), high (...).

    Every row is resampled alike. Of a few hundred samples or more; few that differ from 0 make it too narrow.
    """
    x = np.asarray(x, np.float64)
    size = x.shape[-1]
    rng = np.random.default_rng(seed)
    rows = max(1, CHUNK // size)
    means = []
    for start in range(0, resamples, rows):
        drawn = rng.integers(size, size=(min(rows, resamples - start), size))
        counts = np.stack([np.bincount(each, minlength=size) for each in drawn], axis=-1)  # (N, some)
        means.append(x @ counts / size)
    low, high = np.quantile(np.concatenate(means, axis=-1), [(1 - level) / 2, (1 + level) / 2], axis=-1)
    return low, high
