"""The panels of the forest plot: the pairwise tests in the primary metric, by the question that they answer."""

import numpy as np

from multimodal.comparison.forest import ForestPanel, ForestRow
from multimodal.comparison.pairwise_test import PairwiseTest, is_reference
from multimodal.comparison.run import Run
from multimodal.metric.catalogue import PRIMARY

QUESTIONS = {  # {kind of a test: title of its panel}, in their order
    "reference": "Against the reference fusion",
    "control": "Against the better control",
    "product": "Against the product of its own two answers",
    "pair": "Of each other",
}
BOUNDED, CEILING = "accuracy/both", "task/ceiling"  # a metric, and its largest value under the task
CONTROLS = ("image_only", "text_only")


def forest_panels(tests: list[PairwiseTest], groups: dict[str, list[Run]]) -> list[ForestPanel]:
    """Return a panel for each question that a test with a defined difference answers.

    A control is the second side of its own question only, and other pairs stand for a group without the reference.
    """
    tests = [test for test in tests if test.metric.tested == PRIMARY and test.difference is not None]
    compared = {test.group for test in tests if kind_of(test) == "reference"}
    panels = []
    for kind, title in QUESTIONS.items():
        own = [test for test in tests if kind_of(test) == kind and test.first.partition(" ")[0] not in CONTROLS]
        if kind == "pair":
            own = [test for test in own if test.group not in compared]
        if own:
            panels.append(ForestPanel(title, [forest_row(test, groups[test.group]) for test in own]))
    return panels


def kind_of(test: PairwiseTest) -> str:
    """Return which question a test answers."""
    return "reference" if is_reference(test.second) else "pair"


def forest_row(test: PairwiseTest, runs: list[Run]) -> ForestRow:
    """Return the row of a test with a defined difference."""
    assert test.difference is not None, "an undefined difference has no place"
    first, second = (values_by_seed(runs, name, test.metric.name) for name in (test.first, test.second))
    differences = tuple(first[seed] - second[seed] for seed in sorted(first.keys() & second.keys()))
    return ForestRow(
        group=test.group,
        label=f"{test.first} − {test.second}",
        differences=differences,
        mean=test.difference,
        interval=test.interval,
        significant=test.significant,
        largest=largest_difference(test, runs),
    )


def largest_difference(test: PairwiseTest, runs: list[Run]) -> float | None:
    """Return the ceiling of the task minus the mean of the second side, None if the ceiling is unknown."""
    paired = [run for run in runs if run.seed not in test.unpaired]
    first, ceilings = (values_by_seed(paired, test.first, name) for name in (BOUNDED, CEILING))
    if test.metric.name != BOUNDED or test.difference is None or len(ceilings) < len(first):
        return None
    second = np.mean([*first.values()]) - test.difference
    return float(np.mean([*ceilings.values()]) - second)


def values_by_seed(runs: list[Run], fusion: str, name: str) -> dict[int, float]:
    """Return {seed: a metric of a fusion}, where it is defined."""
    return {run.seed: value for run in runs if run.fusion == fusion and (value := run.metrics.get(name)) is not None}
