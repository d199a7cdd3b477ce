"""One verdict on each pair of fusions over all budgets of training: a gap in speed is not one in ability."""

from multimodal.comparison.grouping import by_group, data_title
from multimodal.comparison.pairwise_test import BARS, PairwiseTest
from multimodal.comparison.run import Run
from multimodal.comparison.wording import difference, too_few
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
                bar = test.second if test.kind in ("reference", "variant") else test.kind
                rows.setdefault((test.first, bar), {})[budget] = test
    return [budget_sentence(own, unit) for own in rows.values() if len(own) == len(titles)]


def budget_sentence(tests: dict[int, PairwiseTest], unit: str) -> str:
    """Return the differences of a fusion and a bar at each budget, and what follows from them together.

    Args:
        tests: {budget: test}, in ascending order, of one fusion and one bar.
        unit: of the budgets.
    """
    seconds = {budget: test.second for budget, test in tests.items()}
    (first, *_), several = tests.values(), len(set(seconds.values())) > 1
    second = "the better control" if several else first.second
    parts = []
    for budget, test in tests.items():
        size = "undefined" if test.mean is None else difference(test)
        parts.append(f"{size} at {budget:,} {unit}" + (f" ({test.second})" if several else ""))
    outcomes: dict[str, list[str]] = {}
    for budget, test in tests.items():
        outcomes.setdefault(outcome(test), []).append(f"{budget:,}")
    told = [f"{words} at {' and '.join(budgets)} {unit}" for words, budgets in outcomes.items()]
    joined = f"{next(iter(outcomes))} at every budget" if len(outcomes) == 1 else ", ".join(told)
    return f"{first.first} − {second} in {primary().title}: {', '.join(parts)}; {joined}."


def outcome(test: PairwiseTest) -> str:
    """Return the outcome at one budget in a few words: `attention ahead`."""
    if test.mean is None:
        return "undefined"
    if not test.tested:
        return too_few(test)
    if test.significant:
        return f"{test.better} ahead" + (" (perhaps on these test samples only)" if test.sample_dependent else "")
    return "cannot be told apart" if test.at_ceiling else "equivalent" if test.equivalent else "not shown"
