"""The panels of the forest plot: the pairwise tests in the primary metric, by the question that they answer."""

import numpy as np

from multimodal.comparison.ceiling import known_ceiling
from multimodal.comparison.forest import ForestPanel, ForestRow, Mark
from multimodal.comparison.pairwise_test import PAIR, PairwiseTest, arguments_of, is_control
from multimodal.comparison.run import Run
from multimodal.comparison.wording import lost_to_holm
from multimodal.metric.catalogue import PRIMARY

QUESTIONS = {  # {kind of a test: title of its panel}, in their order
    "reference": "Against the reference fusion",
    "control": "Against the better control",
    "product": "Against the product of its own answers",
    "variant": "Of variants of one fusion",
    PAIR: "Of each other",
}
BOUNDED = "accuracy/both"  # the metric whose largest value is the ceiling of the task


def forest_panels(tests: list[PairwiseTest], groups: dict[str, list[Run]]) -> list[ForestPanel]:
    """Return a panel for each question that a test with a defined difference answers.

    The controls have no rows of their own: the better one is what the others are compared with. Other pairs stand only
    for groups without the reference.
    """
    tests = [t for t in tests if t.metric.tested == PRIMARY and t.mean is not None and not is_control(t.first)]
    referred = {test.group for test in tests if test.kind == "reference"}
    asked = [test for test in tests if test.kind != PAIR or test.group not in referred]
    panels = []
    for kind, title in QUESTIONS.items():
        own = [test for test in asked if test.kind == kind]
        seconds = {test.second for test in own}
        named = kind in ("reference", "control") and len(seconds) == 1  # the title names what all are compared with
        title = f"{title}: {seconds.pop()}" if named else title
        once = len({(test.group, test.first) for test in own}) == len(own)
        rows = [forest_row(test, groups[test.group], named or kind == "product", once) for test in own]
        panels += [ForestPanel(title, rows)] if rows else []
    return panels


def forest_row(test: PairwiseTest, runs: list[Run], short: bool, once: bool) -> ForestRow:
    """Return the row of a test with a defined difference.

    Args:
        test: of the row.
        runs: of its group.
        short: whether its label has no second side.
        once: whether the panel has each fusion once, so that the fusion alone names the row.
    """
    assert test.mean is not None, "an undefined difference has no place"
    second = test.second
    if test.kind == "variant":
        second = arguments_of(second) or second  # the fusion is the first's, so its arguments say it all
    label = test.first if short else f"{test.first} − {second}"
    return ForestRow(
        group=test.group,
        name=test.first if once and test.kind not in ("variant", PAIR) else f"{test.first} − {second}",
        label=f"{label} (not after Holm's correction)" if lost_to_holm(test) else label,
        differences=test.differences,
        mean=test.mean,
        interval=test.interval,
        mark=mark_of(test),
        largest=largest_difference(test, runs),
    )


def mark_of(test: PairwiseTest) -> Mark:
    """Return what a test shows."""
    if not test.tested:
        return Mark.FEW
    if not test.significant:
        return Mark.NONE
    return Mark.SAMPLES if test.sample_dependent else Mark.SIGNIFICANT


def largest_difference(test: PairwiseTest, runs: list[Run]) -> float | None:
    """Return the ceiling of the task minus the mean of the second side, None if no ceiling bounds it."""
    first = [run for run in runs if run.fusion == test.first and run.seeds in test.seeds]
    accuracies = [value for run in first if (value := run.metrics.get(BOUNDED)) is not None]
    ceiling = known_ceiling(first)
    if test.metric.name != BOUNDED or test.mean is None or ceiling is None or len(first) != len(accuracies):
        return None
    return ceiling - (float(np.mean(accuracies)) - test.mean)
