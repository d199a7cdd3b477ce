"""Paired tests of whether one fusion is better than another.

Pairing by seed measures the variation between trainings; pairing by test sample measures the variation between test
splits for the trained models. Only the first decides.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from multimodal.comparison.grouping import by_fusion, by_group
from multimodal.comparison.run import Run
from multimodal.comparison.sample_intervals import LEVEL, RunPair, sample_intervals
from multimodal.metric.catalogue import PRIMARY, SECONDARY, MetricSpec, compared
from multimodal.metric.statistics import equivalence_test, holm, t_interval, t_test

SEEDS = 6  # fewest paired seeds for a test
REFERENCE = "concat"  # the simplest fusion: the second of each pair, so that others are compared with it

Interval = tuple[float, float]


@dataclass(frozen=True)
class PairwiseTest:
    """Holds the comparison of two fusions in one metric.

    Args:
        group: title of the runs' group.
        metric: the metric's entry in the catalogue.
        first: a fusion.
        second: the fusion that it is compared with.
        n: number of paired seeds.
        unpaired: seeds that only one of the two fusions has; they are left out.
        difference: mean of first - second; None if it is undefined.
        interval: 95 % interval over seeds, not adjusted for multiple tests; None with fewer than two seeds.
        p: p value of the hypothesis of no difference, Holm-adjusted within its family (all pairs of fusions of the
            group, in the primary metric or in all secondary ones); None with fewer than SEEDS seeds.
        p_equivalent: p value of the hypothesis of a difference outside the margin, from two one-sided tests, adjusted
            in the same way.
        sample_interval: 95 % interval over test samples of the difference averaged over the seeds; None if too few
            samples differ, or predictions were not saved.
        sample_dependent: whether the interval over test samples includes zero or could not be computed.
        note: why the difference is undefined.
    """

    group: str
    metric: MetricSpec
    first: str
    second: str
    n: int
    unpaired: tuple[int, ...] = ()
    difference: float | None = None
    interval: Interval | None = None
    p: float | None = None
    p_equivalent: float | None = None
    sample_interval: Interval | None = None
    sample_dependent: bool = False
    note: str = ""

    @property
    def significant(self) -> bool:
        """Return whether the difference is significant at the 5 % level."""
        return self.p is not None and self.p < 1 - LEVEL

    @property
    def equivalent(self) -> bool:
        """Return whether the difference is significantly within the margin; it may also differ significantly from 0."""
        return self.p_equivalent is not None and self.p_equivalent < 1 - LEVEL

    @property
    def better(self) -> str:
        """Return the fusion with the better mean."""
        assert self.difference is not None, "an undefined difference has no better side"
        return self.first if (self.difference > 0) == self.metric.higher_is_better else self.second

    @property
    def worse(self) -> str:
        """Return the fusion with the worse mean."""
        return self.second if self.better == self.first else self.first


def compare_fusions(runs: list[Run], margin: float) -> list[PairwiseTest]:
    """Test every pair of fusions of every group, in each metric that the catalogue tests, the primary one first.

    Args:
        runs: runs of any datasets and settings; only runs of the same group are compared.
        margin: largest difference that counts as equivalent, as a share: 0.01 is 1 point.

    Raises:
        ValueError: if the margin is not between 0 and 1.
    """
    check_margin(margin)
    tests = []
    for group, own in by_group(runs).items():
        tests += adjust([test for pair in fusion_pairs(own) for test in compare_pair(*pair, group, margin)])
    return tests


def check_margin(margin: float) -> None:
    """Raise ValueError unless the margin is a number above 0 and below 1."""
    if not isinstance(margin, int | float) or not 0 < margin < 1:
        raise ValueError(f"report.margin must be a share above 0 and below 1 (0.01 is 1 point), got {margin}")


def fusion_pairs(runs: list[Run]) -> Iterator[tuple[list[Run], list[Run]]]:
    """Yield the runs of every pair of fusions of a group, the reference second."""
    fusions = by_fusion(runs)
    names = sorted(fusions, key=lambda name: (is_reference(name), name))
    yield from ((fusions[first], fusions[second]) for first, second in combinations(names, 2))


def is_reference(fusion: str) -> bool:
    """Return whether this is the reference fusion, with any arguments."""
    return fusion.partition(" ")[0] == REFERENCE


def adjust(tests: list[PairwiseTest]) -> list[PairwiseTest]:
    """Adjust the p values of a group by Holm's method within two families: primary metric, and all secondary ones."""
    adjusted = list(tests)
    for family in (PRIMARY, SECONDARY):
        rows = [i for i, test in enumerate(tests) if test.metric.tested == family and test.p is not None]
        columns = [holm([getattr(tests[i], name) for i in rows]) for name in ("p", "p_equivalent")]
        for i, p, p_equivalent in zip(rows, *columns, strict=True):
            adjusted[i] = replace(tests[i], p=p, p_equivalent=p_equivalent)
    return adjusted


def compare_pair(first: list[Run], second: list[Run], group: str, margin: float) -> list[PairwiseTest]:
    """Test two fusions in each metric; the p values are not yet adjusted."""
    a, b = ({run.seed: run for run in runs} for runs in (first, second))
    pairs = [(a[seed], b[seed]) for seed in sorted(a.keys() & b.keys())]
    unpaired, sampled = tuple(sorted(a.keys() ^ b.keys())), sample_intervals(pairs)
    tests = []
    for metric in compared():
        test = PairwiseTest(group, metric, first[0].fusion, second[0].fusion, len(pairs), unpaired)
        note = why_undefined(pairs, metric.name)
        facts = {} if note else seed_test(pairs, metric.name, margin) | sampled.get(metric.name, {})
        tests.append(replace(test, note=note, **facts))
    return tests


def why_undefined(pairs: list[RunPair], name: str) -> str:
    """Return which run lacks the metric, and why; an empty text if all have it."""
    run = next((run for pair in pairs for run in pair if run.metrics.get(name) is None), None)
    if run is None:
        return ""
    return f"undefined for {run.fusion}, seed {run.seed}: {run.undefined.get(name, 'not measured')}"


def seed_test(pairs: list[RunPair], name: str, margin: float) -> dict[str, Any]:
    """Compute the fields of a `PairwiseTest` over seeds, in which no run lacks the metric.

    Returns:
        `difference`; `interval` with two seeds or more; `p` and `p_equivalent` with SEEDS or more.
    """
    first = np.array([run.metrics[name] for run, _ in pairs], np.float64)
    second = np.array([run.metrics[name] for _, run in pairs], np.float64)
    x = first - second
    found: dict[str, Any] = {"difference": float(x.mean())} if len(x) else {}
    if len(x) > 1:
        low, high = t_interval(x, LEVEL)
        found["interval"] = (float(low), float(high))
    if len(x) >= SEEDS:
        found |= {"p": float(t_test(x)), "p_equivalent": float(equivalence_test(x, margin))}
    return found


def enough_seeds(fusions: dict[str, list[Run]]) -> list[str]:
    """Return the fusions with enough seeds for a test."""
    return [name for name, runs in fusions.items() if len({run.seed for run in runs}) >= SEEDS]


def best_fusion(fusions: dict[str, list[Run]], metric: MetricSpec, tests: list[PairwiseTest]) -> str | None:
    """Return the fusion that is significantly better than every other one with enough seeds, also over test samples."""
    tests = [test for test in tests if test.metric.name == metric.name]
    ahead = {(test.better, test.worse) for test in tests if test.significant and not test.sample_dependent}
    measured = [
        fusion
        for fusion in enough_seeds(fusions)
        if any(run.metrics.get(metric.name) is not None for run in fusions[fusion])
    ]
    for fusion in measured:
        others = [other for other in measured if other != fusion]
        if others and all((fusion, other) in ahead for other in others):
            return fusion
    return None
