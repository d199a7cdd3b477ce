"""Runs that have not learned the task: their accuracy is no better than that of the most frequent class."""

from scipy.stats import binomtest

from multimodal.comparison.pairwise_test import LEVEL, is_control
from multimodal.comparison.run import Run
from multimodal.metric.catalogue import primary


def sample_count(run: Run) -> int | None:
    """Return the number of test samples; None if the folder has no data card."""
    counts = run.card.get("classes", {}).get("test")
    return None if counts is None else sum(counts.values())


def chance_of(run: Run) -> float | None:
    """Return the accuracy of always answering the most frequent class; None if the run does not say."""
    baseline = run.baselines.get("frequent_label", {}).get(primary().name)
    if baseline is not None:
        return baseline
    counts = run.card.get("classes", {}).get("test")
    return max(counts.values()) / sum(counts.values()) if counts and sum(counts.values()) else None


def collapsed(run: Run) -> bool:
    """Return whether the accuracy with both is not above the most frequent class, by an exact binomial test at 5 %.

    A control cannot collapse: on some tasks one modality says nothing.
    """
    size, chance, accuracy = sample_count(run), chance_of(run), run.metrics.get(primary().name)
    if is_control(run.fusion) or not size or chance is None or accuracy is None:
        return False
    right = min(size, round(accuracy * size))
    return bool(binomtest(right, size, min(chance, 1.0), alternative="greater").pvalue >= 1 - LEVEL)
