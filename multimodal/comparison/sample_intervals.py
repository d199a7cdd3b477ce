"""Intervals over test samples: how much the difference of two fusions varies with the test split."""

from typing import Any

import numpy as np

from multimodal.comparison.pairwise_test import LEVEL
from multimodal.metric.sign_test import sign_interval, sign_test
from multimodal.metric.statistics import Floats, bootstrap_interval

RESAMPLES = 2000
# fewest test samples, and fewest on which two fusions differ, for a valid bootstrap interval
SAMPLES, DIFFERING = 200, 10


def sample_interval(x: Floats) -> dict[str, Any]:
    """Compute the interval of a difference over test samples, and whether it depends on them.

    By bootstrap; where samples, or those that differ, are too few for it, by the exact sign test.

    Args:
        x: (N,) differences in [-1, 1], averaged over the seeds.

    Returns:
        `sample_interval`; `sample_dependent`: whether it includes zero, or the sign test finds no difference.
    """
    if len(x) < SAMPLES or np.count_nonzero(x) < DIFFERING:
        return {
            "sample_interval": sign_interval(x, LEVEL),
            "sample_dependent": sign_test(x) >= 1 - LEVEL,
        }
    low, high = (float(end) for end in bootstrap_interval(x, LEVEL, RESAMPLES, seed=0))
    return {"sample_interval": (low, high), "sample_dependent": low <= 0 <= high}
