"""What is compared with what: the bars of each fusion, and all other pairs of fusions."""

from itertools import combinations
from typing import NamedTuple

import numpy as np

from multimodal.comparison.grouping import by_fusion
from multimodal.comparison.pairwise_test import PAIR, Seeds, arguments_of, base_name, is_control, is_reference
from multimodal.comparison.run import Run
from multimodal.metric.catalogue import primary

PRODUCT = "fusion/product"  # the metric, beside the primary one of the same run
OWN_ANSWERS = "product of its own answers"


class FusionPair(NamedTuple):
    """The runs of two sides.

    Args:
        first: name of a fusion.
        second: name of what it is compared with.
        kind: of the comparison, as `PairwiseTest` has it.
        runs: [(run of the first, run of the second)] with equal seeds.
        unpaired: seeds that only one side has.
        choices: number of sides of which `second` was chosen as the better one.
    """

    first: str
    second: str
    kind: str
    runs: list[tuple[Run, Run]]
    unpaired: tuple[Seeds, ...] = ()
    choices: int = 1


def fusion_pairs(runs: list[Run]) -> list[FusionPair]:
    """Return every pair of fusions of a group, the reference after the others and the controls after that.

    Where the reference has several variants, the one with a fusion's own arguments is what it is compared with: both
    with `missing=mean`, say. A fusion whose arguments none of them has is compared with all of them.
    """
    fusions = by_fusion(runs)
    names = sorted(fusions, key=lambda name: (is_reference(name) + 2 * is_control(name), name))
    controls = [name for name in names if is_control(name)]
    best = better_control(fusions, controls)
    pairs = []
    for first, second in combinations(names, 2):
        kind = PAIR
        if second == best and not is_control(first):
            kind = "control"
        elif base_name(first) == base_name(second) and not is_control(first):
            kind = "variant"
        elif second in references_of(first, names):
            kind = "reference"
        a, b = ({run.seeds: run for run in fusions[name]} for name in (first, second))
        shared, alone = sorted(a.keys() & b.keys()), tuple(sorted(a.keys() ^ b.keys()))
        choices = len(controls) if kind == "control" else 1
        pairs.append(FusionPair(first, second, kind, [(a[seeds], b[seeds]) for seeds in shared], alone, choices))
    return pairs


def references_of(fusion: str, names: list[str]) -> list[str]:
    """Return the variants of the reference that a fusion is compared with; none for the reference itself."""
    references = [name for name in names if is_reference(name)]
    alike = [name for name in references if arguments_of(name) == arguments_of(fusion)]
    return [] if is_reference(fusion) else alike or references


def product_pairs(runs: list[Run]) -> list[FusionPair]:
    """Return each fusion of a group beside the product of its own answers, within the same runs."""
    return [
        FusionPair(name, OWN_ANSWERS, "product", [(run, run) for run in own])
        for name, own in by_fusion(runs).items()
        if not is_control(name) and any(run.metrics.get(PRODUCT) is not None for run in own)
    ]


def better_control(fusions: dict[str, list[Run]], controls: list[str]) -> str | None:
    """Return the control with the higher mean of the primary metric; None without one."""
    means = {name: [run.metrics.get(primary().name) for run in fusions[name]] for name in controls}
    known = {
        name: np.mean([x for x in values if x is not None])
        for name, values in means.items()
        if any(x is not None for x in values)
    }
    return max(known, key=lambda name: (known[name], name)) if known else None
