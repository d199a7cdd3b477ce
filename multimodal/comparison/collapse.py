"""Runs that have not learned the task: their accuracy is no better than that of the most frequent class."""

from scipy.stats import binomtest

from multimodal.comparison.pairwise_test import CONTROLS, LEVEL, base_name
from multimodal.comparison.run import Run
from multimodal.metric.catalogue import primary

LIMITS = dict(zip(CONTROLS, ("task/image_ceiling", "task/text_ceiling"), strict=True))  # {control: what it can reach}
ROOM = 0.05  # between chance and what a control can reach: with less, one that has learned looks like one at chance


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

    A control can collapse only where its modality is known to tell something: on some tasks one says nothing.
    """
    size, chance, accuracy = sample_count(run), chance_of(run), run.metrics.get(primary().name)
    if not size or chance is None or accuracy is None:
        return False
    control = LIMITS.get(base_name(run.fusion))
    if control is not None and (run.metrics.get(control) or 0.0) < chance + ROOM:
        return False
    right = min(size, round(accuracy * size))
    return bool(binomtest(right, size, min(chance, 1.0), alternative="greater").pvalue >= 1 - LEVEL)
