"""Tests of every pair of fusions and of every bar, in each metric that the catalogue tests."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from multimodal.comparison.ceiling import known_ceiling
from multimodal.comparison.collapse import collapsed
from multimodal.comparison.families import adjust
from multimodal.comparison.fusion_pairs import PRODUCT, FusionPair, fusion_pairs, product_pairs
from multimodal.comparison.grouping import by_group
from multimodal.comparison.paired_statistics import paired_statistics
from multimodal.comparison.pairwise_test import PairwiseTest, check_margin
from multimodal.comparison.run import Run
from multimodal.comparison.stored_samples import sample_values
from multimodal.metric.catalogue import POINTS, MetricSpec, compared, primary
from multimodal.metric.statistics import Floats

Stored = dict[Path, dict[str, Floats]]  # {folder of a run: {metric: (N,)}}


def compare_fusions(runs: list[Run], margin: float) -> list[PairwiseTest]:
    """Test every pair of fusions of every group, in each metric that the catalogue tests, the primary one first.

    The tests of the primary metric against the product of the fusions' own answers follow those of each group.

    Args:
        runs: runs of any datasets and settings; only runs of the same group are compared.
        margin: largest difference of accuracy that counts as equivalent, as a share: 0.01 is 1 point.

    Raises:
        ValueError: if the margin is not between 0 and 1.
    """
    check_margin(margin)
    tests = []
    for group, own in by_group(runs).items():
        stored = {run.folder: sample_values(run) for run in own}
        for pair in fusion_pairs(own):
            tests += [compare_pair(pair, group, metric, metric.name, margin, stored) for metric in compared()]
        for pair in product_pairs(own):
            tests.append(compare_pair(pair, group, primary(), PRODUCT, margin, stored))
    return adjust(tests)


def compare_pair(
    pair: FusionPair, group: str, metric: MetricSpec, second: str, margin: float, stored: Stored
) -> PairwiseTest:
    """Test one pair in one metric; the p values are not yet adjusted.

    Args:
        pair: the runs.
        group: title of their group.
        metric: of the first side.
        second: name of the metric of the second side: the same, or that of the product of its own answers.
        margin: as in `compare_fusions`.
        stored: values of the test samples.
    """
    test = PairwiseTest(group, metric, pair.first, pair.second, pair.kind, len(pair.runs), unpaired=pair.unpaired)
    test = replace(test, seeds=tuple(a.seeds for a, _ in pair.runs), note=why_undefined(pair, metric.name, second))
    if test.note or not pair.runs:
        return test
    values = np.array([(a.metrics[metric.name], b.metrics[second]) for a, b in pair.runs], np.float64)  # (P, 2)
    samples = sample_differences(pair, metric.name, second, stored)
    own_margin = margin if metric.unit is POINTS else None
    test = replace(test, **paired_statistics(values[:, 0] - values[:, 1], list(test.seeds), samples, own_margin))
    first, other = (sum(collapsed(run) for run in side) for side in zip(*pair.runs, strict=True))
    ceiling = known_ceiling([run for run, _ in pair.runs])
    lowest = (1.0 if ceiling is None else ceiling) - margin
    return replace(
        test,
        p=chosen_p(test, test.p, pair.choices),
        p_population=chosen_p(test, test.p_population, pair.choices),
        collapses=(first, 0 if pair.kind == "product" else other),
        at_ceiling=metric == primary() and bool((values.mean(0) >= lowest).all()),
    )


def chosen_p(test: PairwiseTest, p: float | None, choices: int) -> float | None:
    """Correct a p value for the choice of the better control.

    To be better than the better one is to be better than each, which needs no correction. To be worse than it is to
    be worse than any, which is as many tests.
    """
    return p if p is None or choices == 1 or test.better == test.first else min(1.0, choices * p)


def why_undefined(pair: FusionPair, first: str, second: str) -> str:
    """Return which run lacks its metric, and why; an empty text if all have it."""
    for runs in pair.runs:
        for run, name in zip(runs, (first, second), strict=True):
            if run.metrics.get(name) is None:
                return f"undefined for {run.fusion}, seed {run.seed}: {run.undefined.get(name, 'not measured')}"
    return ""


def sample_differences(pair: FusionPair, first: str, second: str, stored: Stored) -> list[Floats] | None:
    """Return for each split the differences by run and test sample: (pairs of runs, N).

    None if a run has not saved them, or the runs of a split have other numbers of them.
    """
    splits: dict[int, list[Floats]] = {}
    for a, b in pair.runs:
        values = stored[a.folder].get(first), stored[b.folder].get(second)
        if values[0] is None or values[1] is None or len(values[0]) != len(values[1]):
            return None
        splits.setdefault(a.dataset_seed, []).append(values[0] - values[1])
    if any(len({len(x) for x in own}) > 1 for own in splits.values()):
        return None
    return [np.stack(own) for own in splits.values()]
