"""The statistics of paired differences: over seeds, over test samples, and over both together.

With several values of `dataset.seed`, runs of one split share its luck, so they are no independent pairs: the
difference of a split is the mean over its seeds, and interval and test are of the splits (Student's t with one degree
of freedom less than there are splits). Each split has its own test samples, so the interval over splits holds what
other samples would change, and there is no other one over them.
"""

from typing import Any

import numpy as np

from multimodal.comparison.pairwise_test import LEAST, LEVEL, SEEDS, Seeds
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
    differences: Floats, seeds: list[Seeds], samples: Floats | None, margin: float | None
) -> dict[str, Any]:
    """Compute the fields of a `PairwiseTest` from its differences; the p values are not yet adjusted.

    Args:
        differences: (P,) of the pairs of runs.
        seeds: their P seeds, sorted.
        samples: (P, test samples) differences; None if they were not saved, or there are several splits.
        margin: largest difference that counts as equivalent; None for a metric without equivalence.
    """
    splits = [split for split, _ in seeds]
    by_split = [float(differences[np.equal(splits, split)].mean()) for split in dict.fromkeys(splits)]
    x = np.array(by_split) if len(by_split) > 1 else differences
    found: dict[str, Any] = {"n": len(x), "differences": tuple(differences.tolist())}
    found |= {"mean": float(x.mean()), "margin": margin}
    found |= {} if samples is None else sample_interval(samples.mean(0))
    if len(x) < LEAST:
        return found
    low, high = t_interval(x, LEVEL)
    found |= {"median": float(np.median(differences)), "interval": (float(low), float(high))}
    if len(differences) < SEEDS:
        return found
    mean, over_seeds = mean_and_error(x)
    error = float(over_seeds) if samples is None else population_error(float(over_seeds), samples)
    found |= {"error": error, "p": float(t_test(x))}
    found["p_population"] = float(t_test_of(mean, np.asarray(error), len(x) - 1))
    if margin is not None:
        found["p_equivalent"] = float(equivalence_test_of(mean, np.asarray(error), len(x) - 1, margin))
    return found


def population_error(over_seeds: float, samples: Floats) -> float:
    """Compute the standard error over seeds and test samples.

    Args:
        over_seeds: standard error over the seeds.
        samples: (pairs of runs, test samples).
    """
    return max(over_seeds, crossed_error(samples)) if samples.shape[1] > 1 else over_seeds
