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
from multimodal.metric.statistics import ROUND_OFF, Floats

NEAR = 0.005  # the ceilings of a task are measured: closer than this they are one
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
    undefined_for, reason = why_undefined(pair, metric.name, second)
    seeds = tuple(a.seeds for a, _ in pair.runs)
    test = replace(test, seeds=seeds, undefined_for=undefined_for, reason=reason)
    if reason or not pair.runs:
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
        product_is_ceiling=pair.kind == "product" and product_is_ceiling([run for run, _ in pair.runs]),
    )


def product_is_ceiling(runs: list[Run]) -> bool:
    """Return whether the product of ideal answers is the ceiling of the task; False if a run does not say."""
    limits = [(run.metrics.get("task/product_ceiling"), run.metrics.get("task/ceiling")) for run in runs]
    known = [product - ceiling for product, ceiling in limits if product is not None and ceiling is not None]
    return len(known) == len(runs) and float(np.mean(known)) >= -NEAR - ROUND_OFF


def chosen_p(test: PairwiseTest, p: float | None, choices: int) -> float | None:
    """Correct a p value for the choice of the better control.

    To be better than the better one is to be better than each, which needs no correction. To be worse than it is to
    be worse than any, which is as many tests.
    """
    return p if p is None or choices == 1 or test.better == test.first else min(1.0, choices * p)


def why_undefined(pair: FusionPair, first: str, second: str) -> tuple[str, str]:
    """Return which run lacks its metric, and why; empty texts if all have it."""
    for runs in pair.runs:
        for run, name in zip(runs, (first, second), strict=True):
            if run.metrics.get(name) is None:
                return f"{run.fusion}, seed {run.seed}", run.undefined.get(name, "not measured")
    return "", ""


def sample_differences(pair: FusionPair, first: str, second: str, stored: Stored) -> Floats | None:
    """Return the differences by run and test sample: (pairs of runs, N).

    None if the runs have several splits, if one has not saved them, or if they have other numbers of them.
    """
    if len({a.dataset_seed for a, _ in pair.runs}) > 1:
        return None
    differences: list[Floats] = []
    for a, b in pair.runs:
        values = stored[a.folder].get(first), stored[b.folder].get(second)
        if values[0] is None or values[1] is None or len(values[0]) != len(values[1]):
            return None
        differences.append(values[0] - values[1])
    return np.stack(differences) if len({len(x) for x in differences}) == 1 else None
