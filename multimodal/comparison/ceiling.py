"""The ceiling of a task as far as it bounds a model: an oracle's accuracy is a lower bound of it, which bounds none."""

import numpy as np

from multimodal.comparison.run import Run


def known_ceiling(runs: list[Run]) -> float | None:
    """Return the mean over runs of the accuracy that their task allows, which differs by split.

    None if a run does not know it, or only measured what an oracle reaches.
    """
    found = [run.metrics.get("task/ceiling") for run in runs if not run.metrics.get("task/ceiling_measured")]
    known = [ceiling for ceiling in found if ceiling is not None]
    return float(np.mean(known)) if known and len(known) == len(runs) else None
