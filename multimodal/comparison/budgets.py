"""One verdict on each pair of fusions over all budgets of training: a gap in speed is not one in ability."""

from multimodal.comparison.grouping import by_group, data_title
from multimodal.comparison.pairwise_test import BARS, SEEDS, PairwiseTest
from multimodal.comparison.run import Run
from multimodal.comparison.wording import difference
from multimodal.metric.catalogue import primary

BUDGETS = {"training.steps": "steps", "training.epochs": "epochs"}


def budget_sentences(runs: list[Run], tests: list[PairwiseTest]) -> dict[str, list[str]]:
    """Return {title: sentences} of the groups that differ in nothing but their budget.

    Each sentence is on a fusion and one of its bars in the primary metric, from the smallest budget to the largest.
    """
    families = by_budget(by_group(runs))
    return {title: lines for title, own in families.items() if (lines := pair_sentences(own, title, tests))}


def by_budget(groups: dict[str, list[Run]]) -> dict[str, dict[int, str]]:
    """Return {title without the budget: {budget: title of its group}}, of groups that differ in nothing else."""
    joined: dict[str, dict[int, str]] = {}
    for title, (run, *_) in groups.items():
        rest, unit, budget = without_budget(run)
        if budget is not None:
            data = data_title(title, run) + (f", {rest}" if rest else "")
            joined.setdefault(f"{data}, over {unit}", {})[budget] = title
    return {title: dict(sorted(own.items())) for title, own in joined.items() if len(own) > 1}


def without_budget(run: Run) -> tuple[str, str, int | None]:
    """Return the setting of a run without its budget, the budget's unit, and the budget; None if it is not in it."""
    parts = run.setting.split(", ")
    budgets = [part for part in parts if part.partition("=")[0] in BUDGETS and part.partition("=")[2].isdigit()]
    if len(budgets) != 1:
        return run.setting, "", None
    name, _, value = budgets[0].partition("=")
    return ", ".join(part for part in parts if part != budgets[0]), BUDGETS[name], int(value)


def pair_sentences(titles: dict[int, str], family: str, tests: list[PairwiseTest]) -> list[str]:
    """Return a sentence for each fusion and bar that all budgets have.

    Args:
        titles: {budget: title of its group}, in ascending order.
        family: title of the groups together, which ends in the unit of the budget.
        tests: of all groups.
    """
    unit = family.rpartition(" ")[2]
    rows: dict[tuple[str, str], dict[int, PairwiseTest]] = {}
    for budget, title in titles.items():
        for test in tests:
            if test.group == title and test.metric.name == primary().name and test.kind in BARS:
                rows.setdefault((test.first, test.second if test.kind == "reference" else test.kind), {})[budget] = test
    lines = []
    for (first, _), own in rows.items():
        if len(own) == len(titles):
            parts = [f"{outcome(test)} at {budget:,} {unit}" for budget, test in own.items()]
            seconds = list(dict.fromkeys(test.second for test in own.values()))
            lines.append(f"{first} and {' or '.join(seconds)} in {primary().title}: {', '.join(parts)}.")
    return lines


def outcome(test: PairwiseTest) -> str:
    """Return the outcome at one budget in a few words: `attention is ahead (+31.0 points)`."""
    if test.mean is None:
        return "undefined"
    if test.n < SEEDS:
        return f"too few seeds to say ({difference(test)})"
    if test.significant:
        doubt = "perhaps on these test samples only, " if test.sample_dependent else ""
        return f"{test.better} is ahead ({doubt}{difference(test)})"
    verdict = "cannot be told apart" if test.at_ceiling else "equivalent" if test.equivalent else "not shown"
    return f"{verdict} ({difference(test)})"
