"""Exact test and interval of paired right and wrong answers, for test splits that are too small for a bootstrap.

McNemar's test in its exact form, https://doi.org/10.1007/BF02295996. Clopper and Pearson 1934,
https://doi.org/10.1093/biomet/26.4.404.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta, binomtest


def sign_test(x: ArrayLike) -> float:
    """Compute the two-sided p-value of the hypothesis that a difference is as often above as below 0.

    Args:
        x: (N,) differences; those of 0 are left out.

    Returns:
        The p-value; 1 if no difference is left, or if the majority has another sign than the mean.

    Example:
        >>> sign_test([1, 1, 1, 1, 1, 1, 0, 0])  # 2 / 2 ** 6
        0.03125
    """
    x = np.asarray(x, np.float64)
    above, below = int((x > 0).sum()), int((x < 0).sum())
    if above == below or (above > below) != (x.mean() > 0):
        return 1.0
    return float(binomtest(above, above + below).pvalue)


def sign_interval(x: ArrayLike, level: float) -> tuple[float, float]:
    """Compute a confidence interval of the mean of differences of at most 1 that holds at any number of them.

    It joins two intervals of Clopper and Pearson: of the share that differs, and of the side on which they do. The
    sizes of differences between 0 and 1, such as means over seeds, count as fractions of one. It is wider than the
    level asks for, and it holds where no difference is left: then the ends are those of the share that differs.

    Args:
        x: (N,) differences in [-1, 1].
        level: confidence level, such as 0.95.

    Returns:
        The lower and the upper end.

    Example:
        >>> low, high = sign_interval([0] * 300, level=0.95)
        >>> print(f"{low:.3f} {high:.3f}")  # 1 - 0.025 ** (1 / 300)
        -0.012 0.012
    """
    x = np.asarray(x, np.float64)
    differ, above = float(abs(x).sum()), float(x.clip(min=0).sum())
    least, most = clopper_pearson(differ, len(x), level)
    ends = (2 * share - 1 for share in clopper_pearson(above, differ, level))
    low, high = ends
    return low * (most if low < 0 else least), high * (most if high > 0 else least)


def clopper_pearson(count: float, size: float, level: float) -> tuple[float, float]:
    """Compute the interval of a share by Clopper and Pearson; a count may be a fraction.

    Example:
        >>> [round(end, 3) for end in clopper_pearson(8, 10, 0.95)]
        [0.444, 0.975]
    """
    tail, rest = (1 - level) / 2, max(0.0, size - count)
    low = float(beta.ppf(tail, count, rest + 1)) if count > 0 else 0.0
    high = float(beta.ppf(1 - tail, count + 1, rest)) if rest > 1e-9 else 1.0
    return low, high
