"""Bootstrap intervals over test samples: how much the difference of two fusions varies with the test split."""

from typing import Any

import numpy as np

from multimodal.comparison.run import Run
from multimodal.comparison.stored_samples import sample_values
from multimodal.metric.catalogue import compared
from multimodal.metric.statistics import bootstrap_interval

LEVEL = 0.95
RESAMPLES = 2000
# fewest test samples, and fewest on which two fusions differ, for a valid bootstrap interval
SAMPLES, DIFFERING = 200, 10

RunPair = tuple[Run, Run]  # runs of two fusions with the same seed


def sample_intervals(pairs: list[RunPair]) -> dict[str, dict[str, Any]]:
    """Compute the interval over test samples of the difference averaged over the pairs.

    Returns:
        {metric: {`sample_interval`, `sample_dependent`}}, without metrics that a run did not save by sample; without
        `sample_interval` if too few samples differ.
    """
    values = [(sample_values(a), sample_values(b)) for a, b in pairs]
    names = [spec.name for spec in compared() if values and all(spec.name in own for pair in values for own in pair)]
    names = [name for name in names if len({len(own[name]) for pair in values for own in pair}) == 1]
    x = {name: np.mean([a[name] - b[name] for a, b in values], axis=0) for name in names}  # {name: (N,)}
    enough = [name for name in names if len(x[name]) >= SAMPLES and np.count_nonzero(x[name]) >= DIFFERING]
    facts: dict[str, dict[str, Any]] = {name: {"sample_dependent": True} for name in names}
    if not enough:
        return facts
    lows, highs = bootstrap_interval([x[name] for name in enough], LEVEL, RESAMPLES, seed=0)
    for name, low, high in zip(enough, lows, highs, strict=True):
        facts[name] = {"sample_interval": (float(low), float(high)), "sample_dependent": bool(low <= 0 <= high)}
    return facts
