"""The statistics of paired differences: over seeds, over test samples, and over both together.

With several values of `dataset.seed`, what is averaged depends on how many there are:

- SEEDS or more: the difference of a split is the mean over its seeds, and the test is of the splits. Each has its own
  test samples, so the interval over splits holds what other samples would change, and there is no other one over them.
- fewer: the test is of the pairs of runs and speaks of these splits. Test samples are averaged over the seeds of their
  split, and pooled over the splits; one that is in several test splits counts as often.
"""

from typing import Any

import numpy as np

from multimodal.comparison.pairwise_test import LEVEL, SEEDS, Seeds
from multimodal.comparison.sample_intervals import sample_interval
from multimodal.metric.crossed import crossed_error
from multimodal.metric.statistics import (
    Floats,
    equivalence_test_of,
    mean_and_error,
    t_interval,
    t_test,
    t_test_of,
)


def paired_statistics(
    differences: Floats, seeds: list[Seeds], samples: list[Floats] | None, margin: float | None
) -> dict[str, Any]:
    """Compute the fields of a `PairwiseTest` from its differences; the p values are not yet adjusted.

    Args:
        differences: (P,) of the pairs of runs.
        seeds: their P seeds, sorted.
        samples: for each split (pairs of runs, test samples) differences; None if they were not saved.
        margin: largest difference that counts as equivalent; None for a metric without equivalence.
    """
    splits = [split for split, _ in seeds]
    by_split = [float(differences[np.equal(splits, split)].mean()) for split in dict.fromkeys(splits)]
    enough_splits = len(by_split) >= SEEDS
    x = np.array(by_split) if enough_splits else differences
    found: dict[str, Any] = {"n": len(x), "differences": tuple(differences.tolist())}
    found |= {"mean": float(x.mean()), "median": float(np.median(differences)), "margin": margin} if len(x) else {}
    samples = None if enough_splits else samples
    found |= sample_interval([each.mean(0) for each in samples]) if samples else {}
    if len(x) > 1:
        low, high = t_interval(x, LEVEL)
        found["interval"] = (float(low), float(high))
    if len(x) < SEEDS:
        return found
    mean, over_seeds = mean_and_error(x)
    error = over_seeds if samples is None else population_error(float(over_seeds), samples)
    found |= {"error": float(error), "p": float(t_test(x))}
    found["p_population"] = float(t_test_of(mean, np.asarray(error), len(x) - 1))
    if margin is not None:
        found["p_equivalent"] = float(equivalence_test_of(mean, np.asarray(error), len(x) - 1, margin))
    return found


def population_error(over_seeds: float, samples: list[Floats]) -> float:
    """Compute the standard error over seeds and test samples; over several splits their sum, which is no smaller.

    Args:
        over_seeds: standard error over the seeds.
        samples: for each split (pairs of runs, test samples).
    """
    if len(samples) == 1 and min(samples[0].shape) > 1:
        return max(over_seeds, crossed_error(samples[0]))
    pooled = np.concatenate([each.mean(0) for each in samples])
    over_samples = float(mean_and_error(pooled)[1]) if len(pooled) > 1 else 0.0
    return float(np.hypot(over_seeds, over_samples))
