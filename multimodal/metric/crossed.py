"""The standard error of a mean over seeds and test samples at once, and the smallest difference that it can show.

Every seed answers the same samples, so their errors are crossed, not nested: Gallas and others 2009, A framework for
random-effects ROC analysis, https://doi.org/10.1080/03610920802610084, has it for readers and cases.
"""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.stats import nct, t


def crossed_error(x: ArrayLike) -> float:
    """Compute the standard error of the mean over a population of both seeds and samples.

    What a seed does to one sample alone is in the spread of either, so it is subtracted once.

    Args:
        x: (n, N) differences, a row for each seed, a column for each test sample.

    Returns:
        At least the standard error over the seeds, and at least that over the samples.

    Raises:
        ValueError: if there are fewer than two seeds or samples.

    Example:
        >>> print(f"{crossed_error([[0, 2], [0, 2]]):.1f}")  # two samples alone: 1.41 / sqrt(2)
        1.0
    """
    x = np.asarray(x, np.float64)
    n, size = x.shape
    if min(n, size) < 2:
        raise ValueError(f"a crossed standard error needs two seeds and two samples, got {n} and {size}")
    seeds, samples = x.mean(1, keepdims=True), x.mean(0, keepdims=True)
    over_seeds, over_samples = seeds.var(ddof=1) / n, samples.var(ddof=1) / size
    rest = ((x - seeds - samples + x.mean()) ** 2).sum() / ((n - 1) * (size - 1))
    return float(np.sqrt(max(over_seeds, over_samples, over_seeds + over_samples - rest / (n * size))))


@cache
def detectable_errors(n: int, level: float, power: float) -> float:
    """Compute how many standard errors a mean must be from 0 to be shown by a t-test with this power.

    Args:
        n: number of differences.
        level: of the two-sided test, such as 0.05.
        power: the probability of showing it, such as 0.8.

    Example:
        >>> print(f"{detectable_errors(6, 0.05, 0.8):.2f}")  # standard errors: 1.43 s.d. of six differences
        3.51
    """
    limit = t.isf(level / 2, n - 1)

    def lacking(distance: float) -> float:
        return float(nct.sf(limit, n - 1, distance) - power)

    return float(brentq(lacking, 0, 10 * limit + 10))
