"""Accuracy over the budget: groups of runs that differ only in `training.steps`, side by side."""

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from multimodal.comparison.comparison_figures import SIZE, LineStyle, draw_range, level_line, name_lines, small_figure
from multimodal.comparison.grouping import by_fusion
from multimodal.comparison.run import Run
from multimodal.figures.layout import INK

ACCURACY = "accuracy/both"
BUDGET = "training.steps="


def by_budget(groups: dict[str, list[Run]]) -> dict[str, list[Run]]:
    """Return {title without the budget: runs of all its budgets}, of groups that differ in nothing but the budget."""
    joined: dict[str, list[Run]] = {}
    for title, runs in groups.items():
        setting = runs[0].setting
        data = title.removesuffix(f", {setting}") if setting else title
        kept = [part for part in setting.split(", ") if part and not part.startswith(BUDGET)]
        joined.setdefault(", ".join([data, *kept]), []).extend(runs)
    return {title: runs for title, runs in joined.items() if len({steps_of(run) for run in runs}) > 1}


def steps_of(run: Run) -> int | None:
    """Return the number of training steps that a run was given."""
    steps: int | None = run.config.get("training", {}).get("steps")
    return steps


def budget_figures(groups: dict[str, list[Run]], styles: dict[str, LineStyle]) -> dict[str, Figure]:
    """Draw {title: accuracy with both modalities over the budget}, with a line per fusion."""
    return {title: draw_budgets(runs, styles) for title, runs in by_budget(groups).items()}


def draw_budgets(runs: list[Run], styles: dict[str, LineStyle]) -> Figure:
    """Draw the accuracy over the steps, on a logarithmic axis that names the budgets."""
    figure, axes = small_figure(SIZE)
    budgets = sorted({steps for run in runs if (steps := steps_of(run)) is not None})
    for fusion, own in by_fusion(runs).items():
        values = {steps: accuracies([run for run in own if steps_of(run) == steps]) for steps in budgets}
        found = {float(steps): each for steps, each in values.items() if each}
        if found:
            draw_range(axes, found, styles[fusion], f"{fusion} ({seeds_in_words([*found.values()])})")
    level_line(axes, runs[0].metrics.get("task/chance"), "chance")
    level_line(axes, runs[0].metrics.get("task/ceiling"), "ceiling")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(budgets))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.margins(x=0.08)
    axes.set_xlabel("training steps", color=INK)
    axes.set_ylabel("accuracy with both", color=INK)
    name_lines(figure, axes)
    return figure


def accuracies(runs: list[Run]) -> list[float]:
    """Return the accuracies with both modalities that are defined, one per seed."""
    return [accuracy for run in runs if (accuracy := run.metrics.get(ACCURACY)) is not None]


def seeds_in_words(values: list[list[float]]) -> str:
    """Format the number of seeds, which may differ between budgets: `6`, or `3 to 6`."""
    sizes = sorted({len(each) for each in values})
    return str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
